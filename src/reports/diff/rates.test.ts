import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareShares, familyZ, type Share } from './rates.ts';

const share = fc
  .integer({ min: 1, max: 2000 })
  .chain((of) => fc.record({ count: fc.nat(of), of: fc.constant(of) }));

test('the interval holds the difference, mirrors, and equal shares are never news', () => {
  fc.assert(
    fc.property(share, share, (a, b) => {
      const there = compareShares(a, b);
      const back = compareShares(b, a);
      expect(there.low).toBeLessThanOrEqual(there.difference);
      expect(there.high).toBeGreaterThanOrEqual(there.difference);
      expect(back.low).toBeCloseTo(-there.high, 10);
      expect(back.news).toBe(there.news);
      expect(compareShares(a, a).news).toBe(false);
    }),
  );
});

const more = (one: Share): Share => ({ count: one.count * 10, of: one.of * 10 });

test('more trials of the same shares narrow the interval', () => {
  fc.assert(
    fc.property(share, share, (a, b) => {
      const [few, many] = [compareShares(a, b), compareShares(more(a), more(b))];
      expect(many.high - many.low).toBeLessThan(few.high - few.low);
      if (few.news) expect(many.news).toBe(true);
    }),
  );
});

test('Newcombe’s own example: 56/70 against 48/80', () => {
  const { low, high } = compareShares({ count: 48, of: 80 }, { count: 56, of: 70 });
  expect(low).toBeCloseTo(0.0524, 3);
  expect(high).toBeCloseTo(0.3339, 3);
});

test('nothing tried on one side is never news', () => {
  expect(compareShares({ count: 0, of: 0 }, { count: 9, of: 9 }).news).toBe(false);
});

test('z of one comparison is 1.96, of forty 3.227', () => {
  expect(familyZ(1)).toBeCloseTo(1.959964, 5);
  expect(familyZ(40)).toBeCloseTo(3.2272, 3);
});

test('two samples of one rate make news in at most one diff of ten, a real change nearly always', () => {
  const random = mulberry(7);
  const draw = (rate: number, of: number): Share => ({
    count: Array.from({ length: of }, random).filter((x) => x < rate).length,
    of,
  });
  const rates = Array.from({ length: 20 }, (_, i) => 0.02 + i * 0.048);
  const z = familyZ(rates.length);
  let alarms = 0;
  for (let diff = 0; diff < 200; diff++)
    if (rates.some((rate) => compareShares(draw(rate, 150), draw(rate, 150), z).news)) alarms++;
  expect(alarms).toBeLessThan(20);
  let seen = 0;
  for (let diff = 0; diff < 100; diff++)
    if (compareShares(draw(0.1, 150), draw(0.4, 150), z).news) seen++;
  expect(seen).toBeGreaterThan(95);
});

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
