import { describe, expect, test } from 'vitest';
import { applyBaseline } from '../baseline/baseline.ts';
import { diffHtml } from './html.ts';
import { markKnown } from './known.ts';
import { DIFF_MARKER, diffMarkdown } from './markdown.ts';
import { diffTerminal } from './terminal.ts';
import { cell, finding, record, stored, TARGET, type RunFacts } from './diff.test-help.ts';
import { diffRuns } from './diff.ts';
import { doubts, newsOf } from './words.ts';
import type { SeamLine } from '../record.ts';

const PLACE = { phase: 'content', strategy: 'reasoning-field' } as const;
const MATRIX = [cell('content', 'reasoning-field', { exact: 90, diverged: 10 })];
const CLEAN = [cell('content', 'reasoning-field', { exact: 100 })];
const ten = finding('separator-rebuilt', [{ ...PLACE, count: 10 }]);

async function statuses(
  a: Parameters<typeof stored>[0],
  b: Parameters<typeof stored>[0],
): Promise<string[]> {
  const { findings } = await diffRuns(stored(a), stored(b));
  return findings.map(({ status, cause }) => `${status} ${cause}`);
}

const withTen = { matrix: MATRIX, findings: [ten] };
const clean = { matrix: CLEAN };

test('new, fixed, unchanged', async () => {
  expect(await statuses(clean, withTen)).toEqual(['new separator-rebuilt']);
  expect(await statuses(withTen, clean)).toEqual(['fixed separator-rebuilt']);
  expect(await statuses(withTen, withTen)).toEqual(['unchanged separator-rebuilt']);
});

test('another detail is another finding', async () => {
  const other = finding('separator-rebuilt', ten.where, { detail: '⏎→∅' });
  expect(await statuses(withTen, { matrix: MATRIX, findings: [other] })).toEqual([
    'new separator-rebuilt',
    'fixed separator-rebuilt',
  ]);
});

describe('changed', () => {
  test.each([
    ['another verdict', { verdict: 'drift' }, 'diverged → drift'],
    ['another check', { check: 'shape' }, 'shown by the prompt check → the shape check'],
  ] as const)('%s', async (_what, more, says) => {
    const now = finding('separator-rebuilt', ten.where, more);
    const { findings } = await diffRuns(
      stored(withTen),
      stored({ matrix: MATRIX, findings: [now] }),
    );
    expect(findings).toMatchObject([{ status: 'changed', changes: [says] }]);
  });

  test('another place', async () => {
    const both = [...MATRIX, cell('reasoning', 'reasoning-field', { exact: 9, diverged: 1 })];
    const wider = finding('separator-rebuilt', [
      ...ten.where,
      { phase: 'reasoning', strategy: 'reasoning-field', count: 1 },
    ]);
    const { findings } = await diffRuns(
      stored({ matrix: both, findings: [ten] }),
      stored({ matrix: both, findings: [wider] }),
    );
    expect(findings).toMatchObject([
      { status: 'changed', changes: ['now also in reasoning/reasoning-field: 0 of 10 → 1 of 10'] },
    ]);
  });

  test.each([
    [12, 'unchanged'],
    [80, 'changed'],
  ])('%i of 100 seams instead of 10: %s', async (count, status) => {
    const now = finding('separator-rebuilt', [{ ...PLACE, count }]);
    const matrix = [cell('content', 'reasoning-field', { exact: 100 - count, diverged: count })];
    const { findings } = await diffRuns(stored(withTen), stored({ matrix, findings: [now] }));
    expect(findings).toMatchObject([{ status }]);
  });
});

const line = (scenario: string, k: number, bad: boolean): SeamLine => ({
  scenario,
  k,
  n: 100,
  ...PLACE,
  way: 'disconnect',
  verdict: bad ? 'diverged' : 'exact',
  basis: ['prompt'],
  ...(bad ? { cause: 'separator-rebuilt' as const, detail: '' } : {}),
});

describe('what one of them did not test', () => {
  test('errors instead of verdicts: neither fixed nor new', async () => {
    const broken = { matrix: [cell('content', 'reasoning-field', { error: 100 })] };
    const half = {
      matrix: [...broken.matrix, cell('reasoning', 'reasoning-field', { exact: 5 })],
    };
    expect(await statuses(withTen, half)).toEqual(['untested-now separator-rebuilt']);
    expect(await statuses(half, withTen)).toEqual(['untested-before separator-rebuilt']);
  });

  test('another strategy is left out, and said', async () => {
    const more = {
      matrix: [...MATRIX, cell('content', 'content-only', { diverged: 5 })],
      findings: [
        ten,
        finding('turn-closed', [{ phase: 'content', strategy: 'content-only', count: 5 }]),
      ],
    };
    expect(await statuses(more, withTen)).toEqual([
      'unchanged separator-rebuilt',
      'untested-now turn-closed',
    ]);
    const diff = await diffRuns(stored(withTen), stored(more));
    expect(diff.findings.map(({ status }) => status)).toEqual(['untested-before', 'unchanged']);
    expect(diff.notes).toEqual(['only B tested the strategies content-only: left out']);
    expect(newsOf(diff)).toEqual([]);
  });

  test('another pack: the journal counts what both have', async () => {
    const run = stored({ ...withTen, plan: { scenarios: ['add', 'emoji'] } });
    const seams = Array.from({ length: 100 }, (_, k) => line(k < 50 ? 'add' : 'emoji', k, k >= 90));
    const both = { ...ten, scenarios: ['emoji'] };
    const a = {
      ...run,
      record: { ...run.record, findings: [both] },
      seams: () => Promise.resolve(seams),
    };
    const diff = await diffRuns(
      a,
      stored({ matrix: [cell('content', 'reasoning-field', { exact: 50 })] }),
    );
    expect(diff.common.scenarios).toEqual(['add']);
    expect(diff.findings).toMatchObject([{ status: 'untested-now' }]);
    expect(diff.rates).toMatchObject([{ verdict: 'exact', a: { of: 50 }, b: { of: 50 } }]);
    expect(diff.notes).toEqual(['only A tested the scenarios emoji: left out']);
  });
});

test('a run of prompts alone and a full one differ in what they looked at, and that is no change', async () => {
  const place = { ...PLACE, count: 40 };
  const facts = (verdict: 'drift' | 'diverged', compare: number): RunFacts => ({
    matrix: [cell('content', 'reasoning-field', { exact: 60, [verdict]: 40 })],
    findings: [finding('separator-rebuilt', [place], { verdict })],
    plan: { compare },
  });
  const [alone, full] = [stored(facts('drift', 0)), stored(facts('diverged', 24))];
  for (const diff of [await diffRuns(alone, full), await diffRuns(full, alone)]) {
    expect(diff.findings.map(({ status }) => status)).toEqual(['unchanged']);
    expect(diff.rates).toEqual([]);
    expect(diff.notes).toContainEqual(expect.stringContaining('compared prompts alone'));
  }
  const both = await diffRuns(full, stored(facts('drift', 24)));
  expect(both.findings.map(({ status }) => status)).toEqual(['changed']);
});

test('nor does a run of all cuts in which nothing was repeated: the engine may have said something else', async () => {
  const matrix = [cell('content', 'reasoning-field', { exact: 99, diverged: 1 })];
  const rare = { matrix, findings: [finding('space-run', [{ ...PLACE, count: 1 }])] };
  const plan = { compare: 0 };
  expect(await statuses(rare, { matrix: CLEAN })).toEqual(['fixed space-run']);
  expect(await statuses({ ...rare, plan }, { matrix: CLEAN, plan })).toEqual([
    'not-seen space-run',
  ]);
});

test('a sample that lacks a rare finding does not say that it is fixed', async () => {
  const sampled = { plan: { cuts: 50 } } as const;
  const rare = {
    matrix: [cell('content', 'reasoning-field', { exact: 99, diverged: 1 })],
    findings: [finding('space-run', [{ ...PLACE, count: 1 }])],
    ...sampled,
  };
  expect(await statuses(rare, { matrix: CLEAN, ...sampled })).toEqual(['not-seen space-run']);
  expect(await statuses({ ...withTen, ...sampled }, { matrix: CLEAN, ...sampled })).toEqual([
    'fixed separator-rebuilt',
  ]);
});

test.each([
  ['a sweep and a fuzz', { plan: { mode: 'fuzz' } }],
  ['no scenario of both', { plan: { scenarios: ['emoji'] } }],
  ['no strategy of both', { plan: { strategies: ['content-only'] } }],
  ['a shard and a whole run', { plan: { shard: { index: 1, of: 4 } } }],
] as const)('not to be compared: %s', async (_what, more) => {
  await expect(diffRuns(stored(clean), stored({ ...clean, ...more }))).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining('cannot be compared') as string,
  });
});

test.each([
  ['stopped', { more: { interrupted: 'signal' } }, 'B is not conclusive: it was stopped'],
  ['lost', { more: { interrupted: 'target-lost' } }, 'B is not conclusive: its target was lost'],
  ['cut short', { plan: { seams: 200 } }, 'B is not conclusive: it judged 100 of 200 seams'],
] as const)('a run that was %s is doubted', async (_what, more, says) => {
  expect(doubts(await diffRuns(stored(clean), stored({ ...clean, ...more })))).toEqual([says]);
});

const recipe = (name: string, exact: number): { more: { recipe: never } } => {
  const score = { phase: 'content', recipe: name, tried: 10, exact };
  return { more: { recipe: { matrix: [score], byPhase: [score], everywhere: [] } as never } };
};

const changed = async (a: object, b: object): Promise<(boolean | undefined)[]> =>
  (await diffRuns(stored({ ...clean, ...a }), stored({ ...clean, ...b }))).recipe.map(
    (one) => one.changed,
  );

test('a recipe changes when its name does or its being exact, not when numbers do', async () => {
  expect(await changed(recipe('x', 8), recipe('x', 9))).toEqual([false]);
  expect(await changed(recipe('x', 8), recipe('x', 10))).toEqual([true]);
  expect(await changed(recipe('x', 10), recipe('y', 10))).toEqual([true]);
  // Without findings no recipe is searched.
  expect(await changed({}, recipe('y', 10))).toEqual([false]);
});

test('what a baseline knows is marked and no news', async () => {
  const diff = await diffRuns(stored(clean), stored(withTen));
  const known = {
    cause: 'separator-rebuilt',
    reason: 'upstream',
    owner: 'https://x.test/1',
  } as const;
  const at = (expires: string): typeof diff =>
    markKnown(
      diff,
      applyBaseline(
        record(withTen),
        { version: 1, known: [{ ...known, expires }] },
        new Date('2026-05-01T12:00:00Z'),
      ),
    );
  expect(newsOf(at('2026-05-01'))).toEqual([]);
  expect(at('2026-05-01').findings[0]?.known).toContain('upstream');
  expect(newsOf(at('2026-04-30'))).toHaveLength(1);
});

describe('hostile text', () => {
  const hostile = '<img src=x onerror=alert(1)> @everyone `|` \u001b[2J\u202e](http://x.test)';
  const facts = {
    matrix: MATRIX,
    findings: [finding('resume-refused', ten.where, { detail: hostile })],
    more: { target: { ...TARGET, model: hostile } },
  };

  test('stays text in every report', async () => {
    const diff = await diffRuns(stored(clean), stored(facts));
    const [page, comment, shown] = [diffHtml(diff), diffMarkdown(diff), diffTerminal(diff)];
    expect(page).not.toContain('<img');
    expect(comment.startsWith(DIFF_MARKER)).toBe(true);
    const outsideCode = comment.replaceAll(/(`+)(?!`).*?(?<!`)\1(?!`)/g, '');
    expect(outsideCode).not.toContain('@everyone');
    expect(outsideCode).not.toContain('<img');
    for (const text of [page, comment, shown]) {
      expect(text).not.toContain('\u001b');
      expect(text).not.toContain('\u202e');
    }
  });

  test('a comment fits, however many findings there are', async () => {
    const findings = Array.from({ length: 400 }, (_, i) =>
      finding('resume-refused', ten.where, {
        detail: `${i} ${hostile.repeat(5)}`,
        id: `resume-refused-${i}`,
      }),
    );
    const comment = diffMarkdown(await diffRuns(stored(clean), stored({ ...facts, findings })));
    expect(comment.length).toBeLessThanOrEqual(65_536);
    expect(comment).toMatch(/\d+ more sections are left out/);
  });
});
