import { describe, expect, test } from 'vitest';
import { baselineOf, parseBaseline } from './file.ts';
import { applyBaseline, withoutKnown, type KnownFinding } from './baseline.ts';
import { cell, finding, record } from '../diff/diff.test-help.ts';

const NOW = new Date('2026-05-01T23:59:00Z');
const FACTS = { reason: 'upstream', owner: 'https://x.test/1', expires: '2026-05-01' };
const where = [
  { phase: 'content', strategy: 'reasoning-field', count: 3 },
  { phase: 'reasoning', strategy: 'reasoning-field', count: 1 },
] as const;
const run = record({
  matrix: [
    cell('content', 'reasoning-field', { exact: 7, diverged: 3 }),
    cell('reasoning', 'reasoning-field', { exact: 9, diverged: 1 }),
    cell('closing', 'reasoning-field', { error: 4 }),
  ],
  findings: [finding('separator-rebuilt', where, { detail: '⏎' })],
});
const apply = (...known: KnownFinding[]): ReturnType<typeof applyBaseline> =>
  applyBaseline(run, { version: 1, known }, NOW);

test('known: by cause alone, by detail, or place by place', () => {
  const cause = { cause: 'separator-rebuilt', ...FACTS } as const;
  for (const known of [
    [cause],
    [{ ...cause, detail: '⏎' }],
    [
      { ...cause, phase: 'content' },
      { ...cause, phase: 'reasoning', strategy: 'reasoning-field' },
    ],
  ] as const) {
    const applied = apply(...known);
    expect(applied).toMatchObject({ fresh: [], expired: [], vanished: [], untested: [] });
    expect(withoutKnown(run, applied).findings).toEqual([]);
  }
});

test.each([
  ['nothing names it', [], 'unknown', ['content/reasoning-field', 'reasoning/reasoning-field']],
  [
    'another detail',
    [{ detail: 'x' }],
    'unknown',
    ['content/reasoning-field', 'reasoning/reasoning-field'],
  ],
  ['known elsewhere only', [{ phase: 'content' }], 'elsewhere', ['reasoning/reasoning-field']],
  [
    'expired',
    [{ expires: '2026-04-30' }],
    'expired',
    ['content/reasoning-field', 'reasoning/reasoning-field'],
  ],
  [
    'expired in one place',
    [{ phase: 'content' }, { phase: 'reasoning', expires: '2026-04-30' }],
    'expired',
    ['reasoning/reasoning-field'],
  ],
] as const)('new: %s', (_what, entries, why, places) => {
  const applied = apply(
    ...entries.map((entry) => ({ cause: 'separator-rebuilt' as const, ...FACTS, ...entry })),
  );
  expect(applied.known).toEqual([]);
  expect(applied.fresh).toMatchObject([{ why, places }]);
  expect(withoutKnown(run, applied).findings).toEqual(run.findings);
});

test('an entry without its finding: vanished where tested, untested where not', () => {
  const entry = { ...FACTS, cause: 'turn-closed', expires: '2020-01-01' } as const;
  const applied = apply(entry, { ...entry, phase: 'closing' }, { ...entry, phase: 'tool-call' });
  expect(applied.vanished).toEqual([entry]);
  expect(applied.untested.map(({ phase }) => phase)).toEqual(['closing', 'tool-call']);
  expect(applied.expired).toEqual([]);
});

test('an expired entry whose finding is there is told', () => {
  const entry = { ...FACTS, cause: 'separator-rebuilt', expires: '2026-04-30' } as const;
  expect(apply(entry).expired).toEqual([entry]);
});

test('what is written is read back and knows the whole run', () => {
  const baseline = parseBaseline(baselineOf(run, FACTS), 'x.yaml');
  expect(baseline.known).toEqual([{ cause: 'separator-rebuilt', detail: '⏎', ...FACTS }]);
  expect(applyBaseline(run, baseline, NOW).fresh).toEqual([]);
  expect(parseBaseline(JSON.stringify(baseline), 'x.json')).toEqual(baseline);
});

describe('a file that does not fit names the line', () => {
  const good = ['version: 1', 'known:', '  - cause: space-run', '    reason: r'];
  test.each([
    [
      [...good, '    owner: https://x.test', '    expires: 2026-02-30'],
      /^b\.yaml:6:14: .*YYYY-MM-DD/,
    ],
    [[...good, '    owner: me', '    expires: 2026-02-03'], /^b\.yaml:5:12: .*expected a link/],
    [[...good, '    expires: 2026-02-03'], /^b\.yaml:3:5: known\[0\]\.owner: missing/],
    [
      ['version: 1', 'known:', '  - cause: space-rum'],
      /^b\.yaml:3:12: known\[0\]\.cause: .*"space-run"/,
    ],
    [
      [...good, '    owner: https://x.test', '    expires: 2026-02-03', '    because: x'],
      /^b\.yaml:7:14: known\[0\]\.because: unknown field/,
    ],
    [['version: 2', 'known: []'], /^b\.yaml:1:10: version: expected 1/],
    [['known: [', '}'], /^b\.yaml:2:1: /],
    [[''], /^b\.yaml:1:1: a baseline has the fields/],
    [['version: 1', 'known: !!set x'], /^b\.yaml:2:/],
  ] as const)('%j', (lines, says) => {
    expect(() => parseBaseline(lines.join('\n'), 'b.yaml')).toThrow(says);
  });
});

test.each([
  [{ ...FACTS, owner: 'me' }, '--owner'],
  [{ ...FACTS, expires: 'soon' }, '--expires'],
  [{ ...FACTS, reason: ' ' }, '--reason'],
])('facts that do not fit are refused: %j', (facts, option) => {
  expect(() => baselineOf(run, facts)).toThrow(option);
});
