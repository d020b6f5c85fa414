/** `seamstress diff` on runs against the embedded server. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { RunDiff } from '../../src/reports/diff/types.ts';
import { expectClear, packOf, seamstress, temporaryFolder } from './cli.test-help.ts';

const cwd = temporaryFolder();

async function run(out: string, ids: readonly string[], more: readonly string[]): Promise<void> {
  const pack = packOf(cwd, ids);
  const args = ['--target', 'reference', '--seed', '3', '--strategy', 'reasoning-field'];
  const ran = await seamstress(['run', pack, ...args, ...more, '--out', out], { cwd });
  expect([out, ran.status]).not.toEqual([out, 2]);
}

beforeAll(async () => {
  await run('clean', ['add', 'emoji'], []);
  await run('faulty', ['add', 'emoji'], ['--fault', 'newline-before-close']);
  await run('one', ['add'], ['--fault', 'newline-before-close']);
  await run('other', ['poem'], []);
});

const statuses = async (a: string, b: string): Promise<string[]> => {
  const ran = await seamstress(['diff', a, b, '--json'], { cwd });
  return (JSON.parse(ran.stdout) as RunDiff).findings.map(
    ({ status, cause }) => `${status} ${cause}`,
  );
};

test('something new: status 1, in words and with a way to replay it', async () => {
  const ran = await seamstress(['diff', 'clean', 'faulty'], { cwd });
  expect(ran).toMatchObject({ status: 1, stderr: '' });
  expect(ran.stdout).toMatch(/^1 new$/m);
  expect(ran.stdout).toMatch(/^ {2}new {2}\w+ · template: separator-rebuilt/m);
  expect(ran.stdout).toContain('reproduce: seamstress replay faulty/findings/separator-rebuilt-');
  expect(ran.stdout).toMatch(/content {4}reasoning-field .*exact 100 % .*→/);
});

test('fixed or unchanged: status 0; a run.json is as good as its folder', async () => {
  const fixed = await seamstress(['diff', 'faulty/run.json', 'clean'], { cwd });
  expect(fixed.status).toBe(0);
  expect(fixed.stdout).toMatch(/^1 fixed$/m);
  const same = await seamstress(['diff', 'faulty', 'faulty'], { cwd });
  expect(same.status).toBe(0);
  expect(same.stdout).toMatch(/^1 unchanged$/m);
  expect(same.stdout).toContain('verdict rates that differ, with their intervals\n  none');
});

test('another pack: warned, and only what both tested is compared', async () => {
  const ran = await seamstress(['diff', 'one', 'faulty'], { cwd });
  expect(ran.status).toBe(0);
  expect(ran.stdout).toContain('only B tested the scenarios emoji: left out');
  expect(await statuses('one', 'faulty')).toEqual(['unchanged separator-rebuilt']);
  expect(await statuses('faulty', 'one')).toEqual(['unchanged separator-rebuilt']);
});

test('reports as files, each whole', async () => {
  const reports = ['markdown=d.md', 'html=d.html', 'json=d.json'].flatMap((x) => ['--report', x]);
  const ran = await seamstress(['diff', 'clean', 'faulty', ...reports], { cwd });
  expect(ran.status).toBe(1);
  expect(ran.stdout).toMatch(/^1 new$/m);
  const read = (name: string): string => readFileSync(join(cwd, name), 'utf8');
  expect(read('d.md')).toMatch(/^<!-- seamstress diff -->\n## seamstress: `reference/);
  expect(read('d.html')).toContain("default-src 'none'");
  expect(read('d.html')).not.toMatch(/(?:src|href)="(?!#)/);
  expect(JSON.parse(read('d.json'))).toMatchObject({ kind: 'diff', findings: [{ status: 'new' }] });
});

const make = async (expires: string): Promise<void> => {
  const facts = ['--reason', 'upstream', '--owner', 'https://x.test/1', '--expires', expires];
  const made = await seamstress(['baseline', 'faulty', ...facts, '--out', 'b.yaml'], { cwd });
  expect(made).toMatchObject({ status: 0, stdout: '', stderr: '' });
};

describe('a baseline', () => {
  test('what it knows is told and does not fail', async () => {
    await make('2999-01-01');
    const ran = await seamstress(['diff', 'clean', 'faulty', '--baseline', 'b.yaml'], { cwd });
    expect(ran.status).toBe(0);
    expect(ran.stdout).toMatch(/^1 new but known$/m);
    expect(ran.stdout).toContain('known: upstream (https://x.test/1, until 2999-01-01)');
  });

  test('what has expired fails', async () => {
    await make('2020-01-01');
    const ran = await seamstress(['diff', 'clean', 'faulty', '--baseline', 'b.yaml'], { cwd });
    expect(ran.status).toBe(1);
  });
});

test.each([
  ['no scenario of both', ['clean', 'other'], /cannot be compared: no scenario/],
  ['a folder without a run', ['clean', '.'], /run\.json/],
  ['an unknown report', ['clean', 'faulty', '--report', 'pdf=x'], /"pdf=x" is no report/],
  ['one path twice', ['clean', 'faulty', '--report', 'html=x', '--report', 'json=x'], /go to x/],
  ['no baseline', ['clean', 'faulty', '--baseline', 'nowhere'], /cannot read nowhere/],
] as const)('wrong usage: %s', async (_what, args, says) => {
  const ran = await seamstress(['diff', ...args], { cwd });
  expect(ran).toMatchObject({ status: 2, stdout: '' });
  expect(ran.stderr).toMatch(says);
  expectClear(ran.stderr);
});

test.each([
  ['was stopped', { interrupted: 'signal' }, 'it was stopped'],
  ['did half of its plan', { plan: { seams: 99_999 } }, 'of 99999 seams'],
] as const)('a run that %s: the diff is shown, and status 3', async (_what, change, says) => {
  const record = JSON.parse(readFileSync(join(cwd, 'clean/run.json'), 'utf8')) as {
    plan: object;
  };
  const plan = 'plan' in change ? { ...record.plan, ...change.plan } : record.plan;
  writeFileSync(join(cwd, 'half.json'), JSON.stringify({ ...record, ...change, plan }));
  const ran = await seamstress(['diff', 'faulty', 'half.json'], { cwd });
  expect(ran.status).toBe(3);
  expect(ran.stderr).toContain(says);
  expect(ran.stdout).toContain('separator-rebuilt');
});
