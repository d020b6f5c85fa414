/** Begun answers, structured output and tool calls, by the command line on the embedded server. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readRun, seamstress, type Left } from './cli.test-help.ts';

const cwd = mkdtempSync(join(tmpdir(), 'seamstress-prefill-'));
afterAll(() => rm(cwd, { recursive: true, force: true }));

async function sweep(
  name: string,
  ...more: readonly string[]
): Promise<Left & { status: unknown }> {
  const args = ['--target', 'reference', '--seed', '1', '--out', name, ...more];
  const { status } = await seamstress(['run', 'prefill', ...args], { cwd });
  return { ...readRun(join(cwd, name)), status };
}

describe('on a correct server', () => {
  test('every begun answer is gone on with exactly, but for a call that is whole already', async () => {
    const { record, seams } = await sweep('right', '--strategy', 'reasoning-field');
    expect(record.errors).toEqual([]);
    expect(record.totals.verdicts).toMatchObject({ rejected: 0, unstable: 0, error: 0 });
    expect(record.controls.tokenControl.exact).toBe(record.controls.tokenControl.tried);
    const bad = new Set(seams.filter(({ verdict }) => verdict !== 'exact').map((s) => s.scenario));
    // A whole call is closed by the template; only its text can be gone on with.
    expect([...bad].filter((id) => !['tool-between', 'tool-second'].includes(id))).toEqual([]);
    expect(new Set(record.findings.map(({ cause }) => cause))).toEqual(
      new Set(['tool-call-rewritten']),
    );
    // The first seam of a begun answer is the one behind what was begun.
    for (const id of ['prefix-plain', 'json-prefilled', 'tool-prefilled']) {
      const cuts = seams.filter((seam) => seam.scenario === id).map(({ k }) => k);
      expect(Math.min(...cuts)).toBeGreaterThan(4);
    }
    const inCalls = seams.filter(({ phase, scenario }) =>
      ['tool-prefilled', 'tool-required'].includes(scenario) ? phase === 'tool-call' : false,
    );
    expect(inCalls.length).toBeGreaterThan(10);
  });

  test('calls sent as their text are exact inside, between and after', async () => {
    const { record, seams } = await sweep('text', '--strategy', 'reasoning-field/tool-text');
    const calls = seams.filter(({ scenario }) => scenario.startsWith('tool-'));
    expect(new Set(calls.map(({ scenario }) => scenario)).size).toBe(4);
    expect(calls.filter(({ verdict }) => verdict !== 'exact')).toEqual([]);
    expect(record.totals.verdicts.rejected).toBe(0);
  });
});

test('a grammar that restarts at the seam is found, in words and with its evidence', async () => {
  const fault = ['--fault', 'json-restarted', '--cuts', '10', '--strategy', 'reasoning-field'];
  const { record, status } = await sweep('restarted', ...fault);
  expect(status).toBe(1);
  const found = record.findings.find(({ cause }) => cause === 'json-restarted');
  expect(found).toMatchObject({ culprit: 'engine', verdict: 'diverged', phase: 'content' });
  expect(found?.scenarios.every((id) => id.startsWith('json-'))).toBe(true);
  expect(found?.minimal.actual.text).toMatch(/^\s*\{/);
  expect(record.findings.map(({ cause }) => cause)).not.toContain('continuation-differs');
});

test('what is wrong in a pack is said with its place', async () => {
  writeFileSync(
    join(cwd, 'wrong.yaml'),
    `pack: wrong
scenarios:
  - id: a
    messages: [{ role: user, content: Hi }]
    toolChoice: required
    responseFormat: { schema: { type: strange } }
    prefill:
      toolCalls:
        - { name: f, arguments: '{"a' }
        - { name: f, arguments: '{}' }
  - id: b
    messages: [{ role: user, content: Hi }]
    prefill: { reasonin: x }
  `,
  );
  const first = await seamstress(['run', 'wrong.yaml', '--target', 'reference'], { cwd });
  expect(first).toMatchObject({ status: 2, stdout: '' });
  expect(first.stderr).toContain('wrong.yaml:13:16: scenarios[1].prefill.reasonin: unknown field');
  const pack = join(cwd, 'meaning.yaml');
  writeFileSync(
    pack,
    `pack: wrong
scenarios:
  - id: a
    messages: [{ role: user, content: Hi }]
    toolChoice: required
    responseFormat: { schema: { type: strange } }
    prefill:
      toolCalls:
        - { name: f, arguments: '{"a' }
        - { name: f, arguments: '{}' }
`,
  );
  const second = await seamstress(['run', pack, '--target', 'reference'], { cwd });
  expect(second.status).toBe(2);
  for (const problem of [
    /:5:5: scenarios\[0\]\.toolChoice: there are no tools to choose from/,
    /:6:23: scenarios\[0\]\.responseFormat\.schema: no usable schema: .*strange/,
    /:9:.*toolCalls\[0\]\.arguments: only the last call may be unfinished/,
    /:8:.*prefill\.toolCalls: there are no tools to call/,
  ])
    expect(second.stderr).toMatch(problem);
});
