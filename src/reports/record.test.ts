import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { findingOf, restoreGeneration, storeGeneration } from '../campaign/report.ts';
import { FindingGroups } from '../campaign/findings.ts';
import { unjudged } from '../campaign/judge.ts';
import { lineOf } from '../campaign/line.ts';
import { runCampaign } from '../campaign/run.ts';
import { CHECKS, VERDICTS } from '../checks/verdict.ts';
import { CAUSE_NAMES } from '../diagnosis/causes.ts';
import { SeamstressError } from '../errors.ts';
import { WAYS } from '../seam/cut.ts';
import { FakeTarget, generations, subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import { PHASES } from '../seam/generation.ts';
import { STRATEGIES } from '../seam/strategy.ts';
import {
  findingSchema,
  readRecord,
  runSchema,
  SCHEMA_VERSION,
  seamLineSchema,
  type MinimalExample,
} from './record.ts';
import { RunStore } from './store.ts';

const home = mkdtempSync(join(tmpdir(), 'seamstress-record-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** A value as it comes back from a file. */
function fromFile(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

test('a journal line is read as it was written', () => {
  const seams = fc.record({
    generation: generations,
    k: fc.nat(),
    strategy: fc.constantFrom(...STRATEGIES),
    way: fc.constantFrom(...WAYS),
    phase: fc.constantFrom(...PHASES),
    verdict: fc.constantFrom(...VERDICTS),
    check: fc.constantFrom(undefined, ...CHECKS),
    cause: fc.constantFrom(undefined, ...CAUSE_NAMES),
    detail: fc.string({ unit: 'binary' }),
    gap: fc.constantFrom(undefined, 0, 0.25),
    flips: fc.boolean(),
    reruns: fc.nat(2),
    pauses: fc.array(fc.nat(9), { maxLength: 2 }),
    error: fc.constantFrom(undefined, 'busy'),
  });
  fc.assert(
    fc.property(seams, (drawn) => {
      const {
        generation,
        strategy,
        way,
        check,
        verdict,
        phase,
        gap,
        reruns,
        error,
        cause,
        detail,
        pauses,
      } = drawn;
      const k = drawn.k % (generation.length + 1);
      const flip = drawn.flips ? { at: 2, expected: 1, actual: 2, gap } : undefined;
      const plan = { subject: subjectOf(generation), strategy, way, k, resume: 'none' } as const;
      const seam = {
        ...unjudged(plan),
        verdict,
        phase,
        check,
        reruns,
        error,
        basis: CHECKS,
        continuation: { compared: 3, remaining: 5, flip },
      };
      const line = lineOf(seam, cause === undefined ? undefined : { cause, detail }, pauses);
      const read = readRecord(seamLineSchema, fromFile(line), 'seams.ndjson');
      expect(read).toEqual(line);
      expect(read).toMatchObject({
        k,
        n: generation.length,
        strategy: strategy.name,
        verdict,
        phase,
        compared: 3,
      });
      expect(read.flip).toEqual(flip && { at: 2, ...(gap === undefined ? {} : { gap }) });
    }),
    { numRuns: 50 },
  );
});

/** A minimal example, of which only the generation counts here. */
function exampleOf(generation: MinimalExample['generation']): MinimalExample {
  const nothing = { ids: [], text: '' };
  return {
    scenario: THINKING.scenario,
    k: 0,
    pauses: [],
    way: 'disconnect',
    view: { reasoning: '', content: '', toolCalls: [] },
    expected: nothing,
    actual: nothing,
    generation,
    requests: [],
  };
}

test('a generation is restored as it was stored, near ties included', () => {
  fc.assert(
    fc.property(generations, (generation) => {
      const stored = fromFile(storeGeneration(generation)) as MinimalExample['generation'];
      expect(restoreGeneration(exampleOf(stored))).toEqual(generation);
    }),
  );
});

/** A campaign against a server whose template writes one line break too many. */
async function campaign(): Promise<{ store: RunStore; written: (name: string) => unknown }> {
  const target = new FakeTarget(THINKING, {
    render: (text) => text.replace('</think>', '\n</think>'),
  });
  const store = new RunStore(join(home, 'run'));
  await runCampaign(
    target,
    {
      scenarios: [THINKING.scenario],
      strategies: STRATEGIES,
      lossy: false,
      mode: 'sweep',
      cuts: 'all',
      cases: 0,
      compare: 4,
      concurrency: 2,
      seed: 1,
      maxTimeMs: undefined,
      signal: new AbortController().signal,
    },
    store,
    () => undefined,
  );
  return {
    store,
    written: (name) => JSON.parse(readFileSync(join(store.folder, name), 'utf8')) as unknown,
  };
}

describe('what a campaign writes', async () => {
  const { store, written } = await campaign();
  const run = written('run.json');

  test('is a run record, a journal and findings that are read as they were written', () => {
    const record = readRecord(runSchema, run, 'run.json');
    expect(record).toEqual(run);
    expect(record.findings.length).toBeGreaterThan(0);
    for (const finding of record.findings) {
      const file = written(`findings/${finding.id}.json`);
      expect(readRecord(findingSchema, file, finding.id)).toEqual(file);
      expect(file).toEqual(finding);
    }
    const lines = readFileSync(join(store.folder, 'seams.ndjson'), 'utf8').trimEnd().split('\n');
    for (const line of lines) readRecord(seamLineSchema, JSON.parse(line), 'seams.ndjson');
    expect(lines).toHaveLength(record.totals.seams);
  });

  test.each(['run.json', 'findings/x.json'])(
    'is refused when a newer tool wrote it: %s',
    (file) => {
      const schema = file === 'run.json' ? runSchema : findingSchema;
      expect.assertions(1);
      try {
        readRecord<unknown>(schema, { schemaVersion: SCHEMA_VERSION + 1, anything: 'else' }, file);
      } catch (error) {
        expect(error).toMatchObject({
          code: 'config',
          message: `${file} was written by a newer seamstress (record version ${SCHEMA_VERSION + 1})`,
          hint: `This one reads versions up to ${SCHEMA_VERSION}; update it.`,
        });
      }
    },
  );

  test.each([
    ['a field is missing', { controls: undefined }, 'controls'],
    [
      'a count is no number',
      { plan: { ...(run as { plan: object }).plan, seed: 'x' } },
      'plan.seed',
    ],
    ['an unknown verdict is counted', { totals: { verdicts: { fine: 1 } } }, 'totals'],
    ['the version is no number', { schemaVersion: 'one' }, 'schemaVersion'],
  ])('is refused in one clear line when %s', (_, broken, path) => {
    const message = refusalOf({ ...(run as object), ...broken });
    expect(message).toMatch(/^run\.json is not a seamstress record: [^\n:]+: [^\n]+$/);
    expect(message).toContain(path);
  });

  test.each([
    ['null', null],
    ['nothing', undefined],
    ['text', 'text'],
    ['a number', 7],
    ['a list', []],
  ])('is refused in one clear line when it is %s', (_, value) => {
    expect(refusalOf(value)).toMatch(/^run\.json is not a seamstress record: [^\n:][^\n]*$/);
  });
});

/** What reading a broken record says. */
function refusalOf(value: unknown): string {
  try {
    readRecord(runSchema, value, 'run.json');
  } catch (error) {
    if (error instanceof SeamstressError && error.code === 'config') return error.message;
    throw error;
  }
  return 'accepted';
}

test('fields that an older or richer tool wrote beside ours do no harm', () => {
  const line = {
    scenario: 'sum',
    k: 1,
    n: 2,
    phase: 'content',
    strategy: 'x',
    way: 'disconnect',
    verdict: 'exact',
    basis: [],
  };
  expect(readRecord(seamLineSchema, { ...line, more: 1 }, 'seams.ndjson')).toMatchObject(line);
});

test('a finding holds its request, its example and how to replay it', () => {
  const groups = new FindingGroups();
  const subject = subjectOf(THINKING);
  const request = { method: 'POST', url: 'http://fake', body: { a: 1 } } as const;
  const plan = {
    subject,
    strategy: STRATEGIES[0]!,
    k: 3,
    way: 'disconnect',
    resume: 'none',
  } as const;
  groups.add({
    seam: {
      ...unjudged(plan),
      verdict: 'rejected',
      check: 'resume',
      refusal: { status: 400, message: 'no' },
      requests: [request],
    },
    named: { cause: 'resume-refused', detail: 'no' },
    pauses: [],
  });
  const finding = findingOf(groups.all[0]!, new FakeTarget(THINKING).identity, 'findings/x.json');
  expect(finding).toMatchObject({
    check: 'resume',
    verdict: 'rejected',
    culprit: 'engine',
    summary: 'The server refuses the resume. HTTP 400: no',
    replay: { command: 'seamstress replay findings/x.json' },
    minimal: { k: 3, view: { reasoning: 'Two' }, requests: [request] },
  });
  expect(finding.replay.curl).toHaveLength(1);
  expect(readRecord(findingSchema, fromFile(finding), 'x')).toEqual(fromFile(finding));
});
