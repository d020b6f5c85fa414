import fc from 'fast-check';
import { expect, test } from 'vitest';
import { searchBoundary, type Boundary, type Side } from './bisect-search.ts';

interface Searched extends Boundary {
  readonly tested: readonly number[];
}

async function search(pattern: readonly Side[]): Promise<Searched> {
  const tested: number[] = [];
  const boundary = await searchBoundary(pattern.length, (index) => {
    tested.push(index);
    return Promise.resolve(pattern[index] ?? 'skip');
  });
  return { ...boundary, tested };
}

const side =
  (which: Side) =>
  (skip: boolean): Side =>
    skip ? 'skip' : which;

/** Builds that change once, some of them skipped; the ends are known. */
const changesOnce = fc
  .record({
    before: fc.array(fc.boolean(), { maxLength: 60 }),
    after: fc.array(fc.boolean(), { maxLength: 60 }),
  })
  .map(({ before, after }) => {
    return [
      'left' as const,
      ...before.map(side('left')),
      ...after.map(side('right')),
      'right' as const,
    ];
  });

/** Any pattern at all between two known ends. */
const anything = fc
  .array(fc.constantFrom<Side>('left', 'right', 'skip'), { maxLength: 80 })
  .map((between) => ['left' as const, ...between, 'right' as const]);

test('one change: the last build before it and the first one after it that can be tested', async () => {
  await fc.assert(
    fc.asyncProperty(changesOnce, async (pattern) => {
      const { left, right, skipped } = await search(pattern);
      expect(left).toBe(pattern.lastIndexOf('left'));
      expect(right).toBe(pattern.indexOf('right'));
      expect(skipped.map((index) => pattern[index])).toEqual(skipped.map(() => 'skip'));
      expect(skipped).toHaveLength(right - left - 1);
    }),
    { numRuns: 500 },
  );
});

test('any pattern: the ends differ and only skipped builds lie between', async () => {
  await fc.assert(
    fc.asyncProperty(anything, async (pattern) => {
      const { left, right, tested } = await search(pattern);
      expect([pattern[left], pattern[right]]).toEqual(['left', 'right']);
      for (let between = left + 1; between < right; between++) {
        expect(pattern[between]).toBe('skip');
        expect(tested).toContain(between);
      }
    }),
    { numRuns: 500 },
  );
});

test('no build twice, the ends never, and no more than the skips and a logarithm', async () => {
  await fc.assert(
    fc.asyncProperty(anything, async (pattern) => {
      const { tested } = await search(pattern);
      expect(new Set(tested).size).toBe(tested.length);
      expect(tested.every((index) => index > 0 && index < pattern.length - 1)).toBe(true);
      const skips = tested.filter((index) => pattern[index] === 'skip').length;
      const between = pattern.length - 2;
      const most = between === 0 ? 0 : Math.floor(Math.log2(between)) + 1;
      expect(tested.length - skips).toBeLessThanOrEqual(most);
    }),
    { numRuns: 500 },
  );
});

test('a thousand builds take ten tests', async () => {
  const pattern = Array.from({ length: 1000 }, (_, i): Side => (i < 617 ? 'left' : 'right'));
  const { left, right, tested } = await search(pattern);
  expect([left, right]).toEqual([616, 617]);
  expect(tested.length).toBeLessThanOrEqual(10);
});

test('neighbours need no test; one build is no range', async () => {
  expect(await search(['left', 'right'])).toEqual({ left: 0, right: 1, skipped: [], tested: [] });
  await expect(search(['left'])).rejects.toThrow(RangeError);
});
