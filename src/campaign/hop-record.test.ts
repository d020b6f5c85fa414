import { describe, expect, test } from 'vitest';
import { poisonedHops } from '../reports/hostile.test-help.ts';
import { example } from '../reports/hostile.test-help.ts';
import type { HopsReport } from '../reports/hops.ts';
import { carryHops, lacksHops, whyNoHops, withHops, withoutHops } from './hop-record.ts';

const record = example('llama.cpp-b11549');
const whole: HopsReport = { ...poisonedHops(() => 'x'), unreached: undefined };
const part: HopsReport = { ...whole, unreached: 3 };

/** What a record says that it did not test of gateways. */
function untested(of: typeof record): string[] {
  return of.notTested
    .filter(({ what }) => what.includes('gateway'))
    .map(({ what, why, count = '' }) => `${count} ${what}: ${why}`.trim());
}

describe('a record', () => {
  test('with hops names them in its target', () => {
    const made = withHops(record, whole);
    expect(made.target.hops).toEqual(['x x']);
    expect(made.hops).toBe(whole);
    expect(untested(made)).toEqual([]);
    expect(record.target.hops).toEqual([]);
  });

  test('with a part of them says how many scenarios are left, and says it once', () => {
    const made = withHops(withHops(record, part), part);
    expect(untested(made)).toEqual([
      '3 scenarios: resumes through the gateway x x: the test was stopped',
    ]);
    expect(lacksHops(made)).toBe(true);
    expect(untested(withHops(made, whole))).toEqual([]);
    expect(lacksHops(withHops(made, whole))).toBe(false);
  });

  test('without them says why', () => {
    const made = withoutHops(record, 'litellm', 'shard 1 tests it');
    expect(untested(made)).toEqual(['resumes through the gateway litellm: shard 1 tests it']);
    expect(lacksHops(made)).toBe(true);
  });
});

describe('what is carried over from earlier records', () => {
  const missing = withoutHops(record, 'litellm', 'the target was lost');
  test.each([
    ['hops', [missing, withHops(record, whole)], 'litellm', []],
    ['the most complete of them', [withHops(record, part), withHops(record, whole)], 'litellm', []],
    [
      'why there are none',
      [missing],
      'litellm',
      ['resumes through the gateway litellm: the target was lost'],
    ],
    [
      'that a killed run had none',
      [],
      'litellm',
      ['resumes through the gateway litellm: the run ended before it'],
    ],
    ['nothing where there was no gateway', [record], undefined, []],
  ] as const)('%s', (_, earlier, via, said) => {
    const made = carryHops(record, earlier, via);
    expect(untested(made)).toEqual(said);
    expect(made.hops).toBe(earlier.some(({ hops }) => hops === whole) ? whole : undefined);
  });
});

test.each([
  [undefined, undefined, false, undefined],
  ['max-time', undefined, false, undefined],
  ['signal', undefined, false, 'the run was stopped before it'],
  ['target-lost', undefined, false, 'the target was lost'],
  [undefined, { index: 1 }, false, undefined],
  [undefined, { index: 2 }, false, 'shard 1 tests it'],
  [undefined, undefined, true, 'what it asks cannot be counted against the limits of the run'],
] as const)('a run that ended by %s, shard %j, limited %s', (interrupted, shard, limited, why) => {
  expect(whyNoHops({ interrupted }, shard, limited)).toBe(why);
});
