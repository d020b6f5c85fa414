import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packed, type Candidates } from '../seam/candidates.ts';
import { divergence } from './distribution.ts';

/** A whole distribution over ids 0 to n - 1. */
const DISTRIBUTION = (size: number): fc.Arbitrary<number[]> =>
  fc
    .array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { minLength: size, maxLength: size })
    .map((weights) => {
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return weights.map((weight) => weight / total);
    });

function top(shares: readonly number[], count: number): Candidates {
  const all = shares.map((share, id) => ({ id, logprob: Math.log(share) }));
  return packed(all.toSorted((a, b) => b.logprob - a.logprob).slice(0, count));
}

function whole(p: readonly number[], q: readonly number[]): { kl: number; tv: number } {
  let [kl, tv] = [0, 0];
  for (const [i, share] of p.entries()) {
    const other = q[i] ?? 0;
    kl += share * Math.log(share / other);
    tv += Math.abs(share - other) / 2;
  }
  return { kl, tv };
}

describe('divergence', () => {
  test('of whole distributions is the textbook value', () => {
    fc.assert(
      fc.property(DISTRIBUTION(6), DISTRIBUTION(6), (p, q) => {
        const told = divergence(top(p, 6), top(q, 6));
        const { kl, tv } = whole(p, q);
        expect(told?.kl).toBeCloseTo(kl, 6);
        expect(told?.tv).toBeCloseTo(tv, 6);
      }),
    );
  });

  test('of the likeliest candidates alone is never more than the whole one', () => {
    fc.assert(
      fc.property(
        DISTRIBUTION(12),
        DISTRIBUTION(12),
        fc.integer({ min: 1, max: 12 }),
        (p, q, n) => {
          const told = divergence(top(p, n), top(q, n));
          const { kl, tv } = whole(p, q);
          expect(told?.kl).toBeLessThanOrEqual(kl + 1e-9);
          expect(told?.tv).toBeLessThanOrEqual(tv + 1e-9);
          expect(told?.kl).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });

  test('of equal lists is nothing, of disjoint ones is much', () => {
    const list = top([0.9, 0.1], 2);
    expect(divergence(list, list)).toEqual({ kl: 0, tv: 0 });
    const other = list.with(0, 10).with(2, 11);
    const told = divergence(list, other);
    expect(told?.tv).toBeGreaterThan(0.7);
    expect(told?.kl).toBeGreaterThan(1.5);
  });

  test('is not known without candidates', () => {
    expect(divergence([], top([1], 1))).toBeUndefined();
    expect(divergence(top([1], 1), [])).toBeUndefined();
  });

  test('bears improbable and impossible candidates', () => {
    const odd = [1, 0, 2, -Infinity, 3, -9999];
    expect(divergence(odd, odd)).toEqual({ kl: 0, tv: 0 });
  });
});
