import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JudgedSeam } from '../checks/seam.ts';
import { FAILING, VERDICTS, type Verdict } from '../checks/verdict.ts';
import type { Cause } from '../diagnosis/causes.ts';
import { REASONING_ALONE } from '../diagnosis/prompt.ts';
import { CALLING, PLAIN, subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import { WAYS } from '../seam/cut.ts';
import { STRATEGIES } from '../seam/strategy.ts';
import type { Subject } from '../seam/subject.ts';
import { FindingGroups, keyOf, type Failure, type Group } from './findings.ts';
import { unjudged } from './judge.ts';
import { curlOf } from './report.ts';

const SUBJECTS = [THINKING, CALLING, PLAIN].map((generation) => subjectOf(generation));

interface FailureParts {
  readonly cause?: Cause;
  readonly detail?: string;
  readonly subject?: Subject;
  readonly k?: number;
  readonly pauses?: readonly number[];
  readonly seam?: Partial<JudgedSeam>;
}

function failureOf({
  cause = 'turn-closed',
  detail = '',
  subject = SUBJECTS[0]!,
  k = 3,
  pauses = [],
  seam,
}: FailureParts): Failure {
  const plan = { subject, strategy: STRATEGIES[0]!, k, way: 'disconnect', resume: 'none' } as const;
  return {
    seam: { ...unjudged(plan), verdict: 'drift', check: 'prompt', ...seam },
    named: { cause, detail },
    pauses,
  };
}

/** Failures as fast-check draws and prints them; few enough that many are of one group. */
const draws = fc.record({
  cause: fc.constantFrom<Cause>('turn-closed', 'space-run'),
  verdict: fc.constantFrom<Verdict>('drift', 'diverged'),
  subject: fc.nat(SUBJECTS.length - 1),
  strategy: fc.nat(2),
  way: fc.constantFrom(...WAYS),
  k: fc.nat(2),
  pauses: fc.array(fc.nat(2), { maxLength: 2 }),
});

type Draw = typeof draws extends fc.Arbitrary<infer T> ? T : never;

function failuresOf(list: readonly Draw[]): Failure[] {
  return list.map(({ cause, verdict, subject, strategy, way, k, pauses }) => {
    const failure = failureOf({ cause, subject: SUBJECTS[subject]!, k, pauses });
    const plan = { ...failure.seam.plan, strategy: STRATEGIES[strategy]!, way };
    return { ...failure, seam: { ...unjudged(plan), verdict, check: 'prompt' } };
  });
}

function groupsOf(list: readonly Failure[]): Group[] {
  const groups = new FindingGroups();
  for (const failure of list) groups.add(failure);
  return groups.all;
}

/** What a reader sees of an example. */
const shown = ({ seam: { plan, verdict }, pauses }: Failure): unknown => ({
  scenario: plan.subject.generation.scenario.id,
  strategy: plan.strategy.name,
  k: plan.k,
  way: plan.way,
  verdict,
  pauses,
});

test('failures with the same cause are one finding', () => {
  fc.assert(
    fc.property(fc.array(draws, { maxLength: 20 }), (drawn) => {
      const list = failuresOf(drawn);
      const groups = groupsOf(list);
      expect(new Set(groups.map(({ key }) => key))).toEqual(new Set(list.map(keyOf)));
      expect(new Set(groups.map(({ id }) => id)).size).toBe(groups.length);
      for (const group of groups) {
        const own = list.filter((failure) => keyOf(failure) === group.key);
        const cuts = own.map(({ seam }) => seam.plan.k);
        expect(group.count).toBe(own.length);
        expect([...group.where.values()].reduce((sum, { count }) => sum + count, 0)).toBe(
          own.length,
        );
        expect([group.firstCut, group.lastCut]).toEqual([Math.min(...cuts), Math.max(...cuts)]);
        expect(group.verdict).toBe(
          own.some(({ seam }) => seam.verdict === 'diverged') ? 'diverged' : 'drift',
        );
      }
    }),
  );
});

/** What makes an example small, the most important first. */
function sizeOf({ seam: { plan, verdict }, pauses }: Failure): number[] {
  const worst = verdict === 'diverged' ? 0 : 1;
  return [worst, pauses.length, plan.subject.generation.length, plan.k];
}

test('the example has the fewest pauses, then the shortest text, then the earliest cut', () => {
  fc.assert(
    fc.property(fc.array(draws, { minLength: 1, maxLength: 20 }), (drawn) => {
      const list = failuresOf(drawn);
      for (const { key, minimal } of groupsOf(list)) {
        const sizes = list.filter((failure) => keyOf(failure) === key).map(sizeOf);
        const [smallest] = sizes.toSorted((a, b) => {
          const i = a.findIndex((value, at) => value !== b[at]);
          return i < 0 ? 0 : a[i]! - b[i]!;
        });
        expect(sizeOf(minimal)).toEqual(smallest);
      }
    }),
  );
});

function seen(list: readonly Failure[]): unknown {
  return groupsOf(list).map(({ id, count, verdict, minimal }) => [
    id,
    count,
    verdict,
    shown(minimal),
  ]);
}

test('the findings do not depend on the order of adding', () => {
  fc.assert(
    fc.property(fc.array(draws, { maxLength: 20 }), (drawn) => {
      const list = failuresOf(drawn);
      expect(seen(list.toReversed())).toEqual(seen(list));
    }),
    { numRuns: 300 },
  );
});

test('another cause or detail is another finding; another cut, strategy, scenario or check is not', () => {
  const { key } = groupsOf([failureOf({})])[0]!;
  for (const same of [
    { k: 5 },
    { subject: SUBJECTS[1]! },
    { pauses: [1] },
    { seam: { check: 'shape' } },
  ] as const)
    expect(keyOf(failureOf(same))).toBe(key);
  for (const other of [{ cause: 'space-run' }, { detail: 'x' }] as const)
    expect(keyOf(failureOf(other))).not.toBe(key);
});

test('a seam that is no failure makes no finding', () => {
  for (const verdict of VERDICTS) {
    const groups = new FindingGroups();
    const group = groups.add(failureOf({ seam: { verdict } }));
    expect(group !== undefined).toBe(FAILING.has(verdict));
    expect(groups.all).toHaveLength(FAILING.has(verdict) ? 1 : 0);
  }
});

const OPEN = failureOf({ ...REASONING_ALONE, k: 2 });

function causes(...list: readonly Failure[]): (readonly [Cause, number])[] {
  return groupsOf(list).map(({ named, count }) => [named.cause, count]);
}

describe('what is left open by a message of reasoning alone', () => {
  test('goes to the cause that other cuts show, whichever came first', () => {
    for (const cause of ['prefill-dropped', 'reasoning-dropped'] as const) {
      const other = failureOf({ cause });
      expect(causes(OPEN, other, OPEN)).toEqual([[cause, 3]]);
      expect(causes(other, OPEN, OPEN)).toEqual([[cause, 3]]);
    }
  });

  test('stays what it is where no other cut tells', () => {
    expect(causes(OPEN, failureOf({}))).toEqual([
      ['reasoning-dropped', 1],
      ['turn-closed', 1],
    ]);
  });

  test('is not its example, since that must show the cause by itself', () => {
    const [group] = groupsOf([failureOf({ cause: 'prefill-dropped', k: 5 }), OPEN]);
    expect(group).toMatchObject({ firstCut: 2, lastCut: 5, minimal: { seam: { plan: { k: 5 } } } });
  });
});

/** What a POSIX shell makes of command lines, with a `curl` that prints its arguments. */
function argumentsOf(lines: readonly string[]): string[][] {
  const script = [
    'curl() { for a in "$@"; do printf "%s\\000" "$a"; done; printf "\\000"; }',
    ...lines,
  ].join('\n');
  const printed = execFileSync('sh', ['-c', script], { encoding: 'utf8' });
  return printed
    .split('\u0000\u0000')
    .slice(0, -1)
    .map((call) => call.split('\u0000'));
}

describe('the curl line of a finding', () => {
  const hostile = fc.string({
    unit: fc.oneof(
      fc.constantFrom(
        "'",
        '"',
        '\\',
        '$',
        '`',
        '\n',
        '\r',
        '\u0000',
        '!',
        '*',
        '@',
        '%s',
        '$(x)',
        '\u2028',
        '\uD800',
        '👍',
        ' ',
      ),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 20,
  });
  const bodies = fc.record({
    text: hostile,
    deep: fc.array(fc.record({ [`it's`]: hostile }), { maxLength: 2 }),
    n: fc.double(),
  });

  test('gives the body back through a real shell, byte for byte', () => {
    fc.assert(
      fc.property(fc.array(bodies, { minLength: 20, maxLength: 40 }), (list) => {
        const lines = list.map((body) =>
          curlOf({ method: 'POST', url: "http://h/it's?a=$b&c", body }),
        );
        for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]*$/);
        const calls = argumentsOf(lines);
        expect(calls.map((call) => call.slice(0, -1))).toEqual(
          list.map(() => [
            '-s',
            "http://h/it's?a=$b&c",
            '-H',
            'content-type: application/json',
            '-d',
          ]),
        );
        expect(calls.map((call) => JSON.stringify(JSON.parse(call.at(-1) ?? '')))).toEqual(
          list.map((body) => JSON.stringify(body)),
        );
      }),
      { numRuns: 20 },
    );
  });

  test.each([
    ['authorization', 'authorization: Bearer a "key" $x'],
    ['x-api-key', 'x-api-key: a "key" $x'],
  ] as const)('takes a key for %s from the environment of the shell', (keyHeader, header) => {
    const line = curlOf({ method: 'GET', url: 'http://h/props', body: undefined, keyHeader });
    const lines = [`SEAMSTRESS_API_KEY='a "key" $x'`, line];
    expect(argumentsOf(lines)).toEqual([['-s', 'http://h/props', '-H', header]]);
  });

  test('of a request without a body is a plain GET', () => {
    const line = curlOf({ method: 'GET', url: 'http://h/props', body: undefined });
    expect(argumentsOf([line])).toEqual([['-s', 'http://h/props']]);
  });
});
