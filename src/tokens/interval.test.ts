import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { wilson } from './interval.ts';

test('known values', () => {
  expect(wilson(5, 10).low).toBeCloseTo(0.2366, 4);
  expect(wilson(5, 10).high).toBeCloseTo(0.7634, 4);
  expect(wilson(0, 100)).toMatchObject({ rate: 0, low: 0 });
  expect(wilson(0, 100).high).toBeCloseTo(0.037, 3);
  expect(wilson(0, 0)).toEqual({ rate: Number.NaN, low: 0, high: 1 });
});

test('the rate lies inside, and the interval inside 0 to 1', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (trials, share) => {
        const successes = Math.round(trials * share);
        const { rate, low, high } = wilson(successes, trials);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(low).toBeLessThanOrEqual(rate);
        expect(high).toBeGreaterThanOrEqual(rate);
        expect(high).toBeLessThanOrEqual(1);
      },
    ),
  );
});
