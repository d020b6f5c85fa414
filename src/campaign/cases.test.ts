import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WAYS } from '../seam/cut.ts';
import { fuzzCases, type FuzzCase } from './cases.ts';

const SCENARIOS = 3;
const STRATEGIES = 5;
const LONGEST = 40;
const cases = fuzzCases(SCENARIOS, STRATEGIES, LONGEST);

function drawn(seed: number, numRuns = 2000): FuzzCase[] {
  return fc.sample(cases, { seed, numRuns });
}

test('a case is inside its bounds', () => {
  fc.assert(
    fc.property(cases, (drawnCase) => {
      expect(drawnCase.scenario).toBeLessThan(SCENARIOS);
      expect(drawnCase.strategy).toBeLessThan(STRATEGIES);
      if (drawnCase.kind === 'synthetic') {
        expect(drawnCase.text.reasoning).not.toMatch(/<\/?think>/);
        expect((drawnCase.text.reasoning + drawnCase.text.content).isWellFormed()).toBe(true);
        return;
      }
      expect(drawnCase.pauses.length).toBeGreaterThan(0);
      expect(drawnCase.pauses.length).toBeLessThanOrEqual(4);
      for (const { k, way } of drawnCase.pauses) {
        expect(k >= 0 && k <= LONGEST).toBe(true);
        expect(WAYS).toContain(way);
      }
    }),
  );
});

test('the same seed draws the same cases', () => {
  expect(drawn(7, 50)).toEqual(drawn(7, 50));
  expect(drawn(8, 50)).not.toEqual(drawn(7, 50));
});

describe('in a few thousand cases there is', () => {
  const all = drawn(66720);
  const reals = all.flatMap((one) => (one.kind === 'real' ? [one] : []));
  const texts = all.flatMap((one) => (one.kind === 'synthetic' ? [one.text] : []));

  test('every scenario and every strategy', () => {
    expect(new Set(all.map(({ scenario }) => scenario)).size).toBe(SCENARIOS);
    expect(new Set(all.map(({ strategy }) => strategy)).size).toBe(STRATEGIES);
  });

  test('every way of cutting, every number of pauses, the first cut and the last', () => {
    const pauses = reals.flatMap((one) => one.pauses);
    expect(new Set(pauses.map(({ way }) => way)).size).toBe(WAYS.length);
    expect(new Set(reals.map((one) => one.pauses.length))).toEqual(new Set([1, 2, 3, 4]));
    expect(pauses.some(({ k }) => k === 0)).toBe(true);
    expect(pauses.some(({ k }) => k === LONGEST)).toBe(true);
  });

  test.each([
    ['a run of spaces', /\S {2,}\S/],
    ['space at the end', /\s$/],
    ['space at the start', /^\s/],
    ['Chinese', /中文/],
    ['a joined emoji', /\u200d/],
    ['a combining mark', /e\u0301/],
    ['a control token look-alike', /<\|im_end\|>/],
    ['a literal think tag in content', /<\/think>/],
    ['nothing', /^$/],
  ])('%s', (_, pattern) => {
    expect(texts.some(({ content }) => pattern.test(content))).toBe(true);
  });
});
