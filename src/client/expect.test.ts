import { AssertionError } from 'node:assert';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { CAUSES, type Cause } from '../diagnosis/causes.ts';
import { parseFault } from '../reference/faults.ts';
import { startReference } from '../reference/server.ts';
import { readRecord, runSchema } from '../reports/record.ts';
import { expectExactResume, type ExactResumeOptions } from './expect.ts';

// Loaded machines are slow, and a campaign makes many requests.
vi.setConfig({ testTimeout: 120_000 });

async function server(...faults: readonly string[]): Promise<string> {
  const reference = await startReference({ faults: faults.map(parseFault) });
  onTestFinished(() => reference.close());
  return reference.url;
}

/** What the assertion says; undefined where it passes. */
async function failure(options: ExactResumeOptions): Promise<AssertionError | undefined> {
  try {
    await expectExactResume(options);
    return undefined;
  } catch (error) {
    if (error instanceof AssertionError) return error;
    throw error;
  }
}

const SMALL = { only: ['thinking', 'no-thinking'], cuts: 12 } as const;

describe('a server that resumes exactly', () => {
  test('passes, and the record says what was tested', async () => {
    const record = await expectExactResume({ target: await server(), ...SMALL });
    expect(record.totals.verdicts).toMatchObject({ exact: record.totals.seams, error: 0 });
    expect(record.totals.seams).toBeGreaterThanOrEqual(24);
    expect(record.plan).toMatchObject({
      scenarios: ['no-thinking', 'thinking'],
      strategies: ['reasoning-field'],
    });
  });

  test('every cut, and the way that a client recovers from an answer of thinking alone', async () => {
    const record = await expectExactResume({
      target: await server(),
      only: ['thinking'],
      recipe: ['thinking-only', { recipe: 'reasoning-field/start-over' }],
    });
    expect(record.plan.strategies).toEqual(['thinking-only', 'reasoning-field/start-over']);
    const left = record.notTested.find(({ what }) => what.includes('not made for'));
    expect(left?.count).toBeGreaterThan(10);
    expect(record.totals.seams).toBeGreaterThan(left?.count ?? Infinity);
  });
});

describe('a server that does not', () => {
  test.each<[string, Cause, RegExp]>([
    ['newline-before-close', 'separator-rebuilt', /wanted .*\n.*got .*⏎⏎<\/think>/],
    ['reasoning-lost', 'reasoning-dropped', /wanted/],
    ['prefill-refused', 'prefill-refused-thinking', /the server says: Assistant response prefill/],
    ['turn-closed', 'turn-reopened', /<\|im_end\|>/],
    ['first-text-lost', 'text-lost', /wanted/],
    ['prefill-echoed', 'prefill-echoed', /got/],
  ])('fails in the words of the finding: %s', async (fault, cause, words) => {
    const error = await failure({ target: await server(fault), ...SMALL });
    expect(error?.message).toContain('does not resume exactly');
    expect(error?.message).toContain(cause);
    expect(error?.message).toContain(CAUSES[cause].title);
    expect(error?.message).toMatch(words);
    expect(error?.message).not.toContain('reproduce:');
    expect(error).toMatchObject({ operator: 'expectExactResume', expected: [] });
    expect(JSON.stringify(error?.actual)).toContain(cause);
  });

  test('thinking-only alone sees what it is made for, and nothing else', async () => {
    const all = { only: ['thinking'], recipe: 'thinking-only' };
    const inContent = await server('empty-think-block');
    expect(await failure({ ...all, target: inContent })).toBeUndefined();
    const lost = await failure({ ...all, target: await server('reasoning-lost') });
    expect(lost?.message).toContain(CAUSES['reasoning-dropped'].title);
  });

  test('a known cause is allowed, and only that', async () => {
    const target = await server('newline-before-close');
    const record = await expectExactResume({ target, ...SMALL, allowed: ['separator-rebuilt'] });
    expect(record.findings.map(({ cause }) => cause)).toEqual(['separator-rebuilt']);
    const id = record.findings[0]?.id ?? '';
    expect(await failure({ target, ...SMALL, allowed: [id] })).toBeUndefined();
    const other = await failure({ target, ...SMALL, allowed: ['space-run'] });
    expect(other?.message).toContain('separator-rebuilt');
  });

  test('with a folder for it, the run can be replayed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seamstress-expect-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const out = join(folder, 'run');
    const error = await failure({ target: await server('reasoning-lost'), ...SMALL, out });
    expect(error?.message).toMatch(/reproduce: seamstress replay .*\.json/);
    expect(error?.message).toContain(out);
    const record = readRecord(
      runSchema,
      JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')),
      out,
    );
    for (const { id } of record.findings)
      expect(existsSync(join(out, 'findings', `${id}.json`))).toBe(true);
  });
});

describe('it never passes when nothing was tested', () => {
  test('a strategy that is made for no cut of the scenario', async () => {
    const error = await failure({
      target: await server(),
      only: ['no-thinking'],
      recipe: 'thinking-only',
    });
    expect(error?.message).toMatch(/cannot say whether .* resumes exactly\n {2}nothing was tested/);
  });

  test('a server that has no slot free', async () => {
    const error = await failure({ target: await server('slot-busy'), ...SMALL });
    expect(error?.message).toMatch(/cannot say whether[^]*all slots are busy/);
  });

  test.each<[Partial<ExactResumeOptions>, RegExp]>([
    [{ only: ['nothing'] }, /no scenario "nothing"/],
    [{ recipe: [] }, /no recipe/],
    [{ recipe: {} }, /found no recipe/],
    [{ recipe: 'nothing' }, /no strategy "nothing"/],
    [{ allowed: ['everything'] }, /"everything" is no cause/],
    [{ only: [] }, /no scenario/],
  ])('options that select nothing are wrong usage: %j', async (more, message) => {
    const target = await server();
    await expect(expectExactResume({ target, ...more })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message) as string,
    });
  });

  test('a server that is not there, and an abort', async () => {
    await expect(expectExactResume({ target: 'http://127.0.0.1:9' })).rejects.toMatchObject({
      code: 'target',
    });
    const stop = new AbortController();
    const target = await server();
    setTimeout(() => stop.abort(), 100);
    await expect(expectExactResume({ target, signal: stop.signal })).rejects.toMatchObject({
      code: 'interrupted',
    });
  });
});
