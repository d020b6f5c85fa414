import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SeamPlan } from '../checks/seam.ts';
import { PLAIN, subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import { strategiesNamed } from '../seam/named.ts';
import { batchesOf, planAll, shareOf } from './sweep.ts';

const subjects = [subjectOf(THINKING), subjectOf(PLAIN)];
const strategies = strategiesNamed(['reasoning-field', 'raw-text', 'token-ids']);

function plan(seed: number): SeamPlan[] {
  const options = { strategies, lossy: true, cuts: 'all', compare: 4, seed } as const;
  return [...planAll(subjects, [], options)];
}

function cutsOf(all: readonly SeamPlan[]): string[] {
  return all.map(({ k, strategy }) => `${strategy.name} ${k}`);
}

test('nothing is resumed where prompts alone are compared, and the same cuts are tested', () => {
  const options = { strategies, lossy: true, cuts: 'all', seed: 1 } as const;
  const [alone, full] = [0, 4].map((compare) => [
    ...planAll(subjects, [], { ...options, compare }),
  ]) as [SeamPlan[], SeamPlan[]];
  expect(new Set(alone.map(({ resume }) => resume))).toEqual(new Set(['never']));
  expect(full.some(({ resume }) => resume === 'whole')).toBe(true);
  expect(cutsOf(alone)).toEqual(cutsOf(full));
});

/** Runs of one generation and strategy, of any lengths. */
const seams = fc
  .array(fc.record({ subject: fc.nat(1), strategy: fc.nat(2), length: fc.nat(150) }))
  .map((runs) =>
    runs.flatMap(({ subject, strategy, length }) =>
      Array.from({ length }, (_, k): SeamPlan => ({
        subject: subjects[subject]!,
        strategy: strategies[strategy]!,
        k,
        way: 'disconnect',
        resume: 'none',
      })),
    ),
  );

test('batches hold all seams in their order, each of one generation and strategy, none too large', () => {
  fc.assert(
    fc.property(seams, (all) => {
      const batches = [...batchesOf(all)];
      expect(batches.flat()).toEqual(all);
      for (const batch of batches) {
        expect(batch.length).toBeGreaterThan(0);
        expect(batch.length).toBeLessThanOrEqual(128);
        expect(new Set(batch.map(({ subject }) => subject)).size).toBe(1);
        expect(new Set(batch.map(({ strategy }) => strategy)).size).toBe(1);
      }
    }),
    { numRuns: 30 },
  );
});

test('shares hold every batch once, and differ by one batch at most', () => {
  fc.assert(
    fc.property(seams, fc.integer({ min: 1, max: 7 }), (all, of) => {
      const shares = Array.from({ length: of }, (_, i) =>
        [...shareOf(batchesOf(all), { index: i + 1, of })].flat(),
      );
      expect(new Set(shares.flat())).toEqual(new Set(all));
      const sizes = shares.map(({ length }) => length);
      expect(sizes.reduce((total, size) => total + size, 0)).toBe(all.length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(128);
    }),
    { numRuns: 30 },
  );
});

test('a sweep is planned the same way every time', () => {
  expect(plan(3)).toEqual(plan(3));
  expect(plan(3)).toHaveLength((THINKING.length + PLAIN.length + 2) * 3);
});
