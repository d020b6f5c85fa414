import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { chance } from './random.ts';

const key = fc.array(fc.oneof(fc.string(), fc.nat()), { maxLength: 3 });

test('chance is a number from 0 to 1 that its seed and key decide', () => {
  fc.assert(
    fc.property(fc.integer(), key, (seed, parts) => {
      const value = chance(seed, ...parts);
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
      expect(chance(seed, ...parts)).toBe(value);
      expect(chance(seed + 1, ...parts)).not.toBe(value);
    }),
  );
});

test('it is the same number on every machine', () => {
  expect(chance(66720, 'cut', 'add', 3)).toBe(0.3065072321332991);
});

test('parts of a key are not run together', () => {
  expect(chance(1, 'ab', 'c')).not.toBe(chance(1, 'a', 'bc'));
});

test('it is spread evenly', () => {
  const values = Array.from({ length: 2000 }, (_, i) => chance(1, i));
  for (const limit of [0.25, 0.5, 0.75])
    expect(values.filter((value) => value < limit).length / 2000).toBeCloseTo(limit, 1);
});
