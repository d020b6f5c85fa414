import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { generations, subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import { phaseAt } from '../seam/generation.ts';
import { STRATEGIES } from '../seam/strategy.ts';
import { chooseCuts, planResumes } from './sample.ts';

const seeds = fc.nat();
const [strategy] = STRATEGIES;

describe('the cuts that are tested', () => {
  test('are inside the generation, in order, once each, and no more than asked for', () => {
    fc.assert(
      fc.property(generations, fc.integer({ min: 1, max: 30 }), seeds, (generation, most, seed) => {
        const cuts = chooseCuts(generation, most, seed);
        expect(cuts).toEqual([...new Set(cuts)].toSorted((a, b) => a - b));
        expect(cuts).toHaveLength(Math.min(most, generation.length + 1));
        for (const k of cuts) expect(k >= 0 && k <= generation.length).toBe(true);
        expect(chooseCuts(generation, most, seed)).toEqual(cuts);
      }),
    );
  });

  test('are all of them when all are asked for', () => {
    const all = Array.from({ length: THINKING.length + 1 }, (_, k) => k);
    expect(chooseCuts(THINKING, 'all', 1)).toEqual(all);
    expect(chooseCuts(THINKING, 1000, 1)).toEqual(all);
  });

  test('are the first and last cut of each phase before any other', () => {
    const cuts = chooseCuts(THINKING, 8, 1);
    for (let k = 0; k < THINKING.length; k++)
      if (phaseAt(THINKING, k) !== phaseAt(THINKING, k + 1)) expect(cuts).toContain(k);
    expect(cuts).toContain(0);
    expect(cuts).toContain(THINKING.length);
  });

  test('are others with another seed', () => {
    const drawn = new Set(
      Array.from({ length: 20 }, (_, seed) => chooseCuts(THINKING, 9, seed).join()),
    );
    expect(drawn.size).toBeGreaterThan(1);
  });
});

describe('the cuts that are resumed for real', () => {
  test('are tested ones, one of them to its end, the others for so many tokens', () => {
    fc.assert(
      fc.property(generations, fc.integer({ min: 1, max: 30 }), seeds, (generation, most, seed) => {
        const subject = subjectOf(generation);
        const cuts = chooseCuts(generation, most, seed);
        const plan = planResumes(subject, strategy!, cuts, 7, seed);
        for (const k of plan.keys()) expect(cuts).toContain(k);
        const lengths = [...plan.values()];
        expect(lengths.filter((length) => length === 'whole')).toHaveLength(1);
        expect(lengths.every((length) => length === 'whole' || length === 7)).toBe(true);
        expect(planResumes(subject, strategy!, cuts, 7, seed)).toEqual(plan);
      }),
    );
  });

  test('at borders are compared for a few tokens, one inside each phase for as many as asked for', () => {
    fc.assert(
      fc.property(generations, seeds, (generation, seed) => {
        const cuts = chooseCuts(generation, 'all', seed);
        const plan = planResumes(subjectOf(generation), strategy!, cuts, 24, seed);
        for (const length of plan.values()) expect(['whole', 24, 8]).toContain(length);
        const phases = new Set(cuts.map((k) => phaseAt(generation, k)));
        const long = [...plan].filter(([, length]) => length !== 8);
        for (const phase of phases)
          expect(long.some(([k]) => phaseAt(generation, k) === phase)).toBe(true);
      }),
    );
  });

  test('are the first and the last of each phase', () => {
    fc.assert(
      fc.property(generations, seeds, (generation, seed) => {
        const cuts = chooseCuts(generation, 'all', seed);
        const plan = planResumes(subjectOf(generation), strategy!, cuts, 7, seed);
        for (const phase of new Set(cuts.map((k) => phaseAt(generation, k)))) {
          const own = cuts.filter((k) => phaseAt(generation, k) === phase);
          expect(plan.has(own[0]!)).toBe(true);
          expect(plan.has(own.at(-1)!)).toBe(true);
        }
      }),
    );
  });

  test('hold one inside a character', () => {
    const after = THINKING.deltas.find((delta) => delta.content === '€')!.after;
    const cuts = chooseCuts(THINKING, 'all', 1);
    const plan = planResumes(subjectOf(THINKING), strategy!, cuts, 7, 1);
    expect(plan.has(after - 1)).toBe(true);
  });

  test('are none where nothing is tested', () => {
    expect(planResumes(subjectOf(THINKING), strategy!, [], 7, 1).size).toBe(0);
  });
});
