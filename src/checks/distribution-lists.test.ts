/** Lists of candidates that leave some out: what is known of those, worked out by hand. */
import { expect, test } from 'vitest';
import { packed } from '../seam/candidates.ts';
import { divergence, type Divergence } from './distribution.ts';

function of(p: Readonly<Record<number, number>>, q: Readonly<Record<number, number>>): Divergence {
  const [control, resumed] = [p, q].map((shares) =>
    packed(
      Object.entries(shares)
        .map(([id, share]) => ({ id: Number(id), logprob: Math.log(share) }))
        .toSorted((a, b) => b.logprob - a.logprob),
    ),
  );
  const told = control && resumed && divergence(control, resumed);
  if (told === undefined) throw new Error('nothing told');
  return told;
}

test('a candidate that one list lacks is not likelier there than its last one', () => {
  expect(of({ 1: 0.9 }, { 2: 0.6, 3: 0.3 }).tv).toBeCloseTo(0.6);
  expect(of({ 2: 0.6, 3: 0.3 }, { 1: 0.9 }).tv).toBeCloseTo(0.6);
  const { kl } = of({ 1: 0.8, 2: 0.15 }, { 1: 0.3 });
  expect(kl).toBeCloseTo(
    0.8 * Math.log(0.8 / 0.3) + 0.15 * Math.log(0.15 / 0.3) + 0.05 * Math.log(0.05 / 0.7),
  );
});

test('what is likelier on one side does not make up for what is less likely', () => {
  expect(of({ 1: 0.8, 2: 0.01 }, { 2: 0.1, 3: 0.05 }).tv).toBeCloseTo(0.75);
  expect(of({ 2: 0.1, 3: 0.05 }, { 1: 0.8, 2: 0.01 }).tv).toBeCloseTo(0.75);
});

test('what both lists leave out counts together', () => {
  const { kl, tv } = of({ 1: 0.5 }, { 1: 0.9 });
  expect(kl).toBeCloseTo(0.5 * Math.log(0.5 / 0.9) + 0.5 * Math.log(0.5 / 0.1));
  expect(tv).toBeCloseTo(0.4);
});

test('shares of more than everything are everything', () => {
  const { kl, tv } = of({ 1: 1.5 }, { 2: 1.5 });
  expect([kl, tv]).toEqual([0, 0]);
  expect(of({ 1: 1, 2: 0.9 }, { 3: 0.5, 4: 0.01 }).tv).toBe(1);
});
