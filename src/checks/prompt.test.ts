import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CutClass } from '../seam/classes.ts';
import { generations, THINKING } from '../seam/fixtures.test-help.ts';
import type { Generation } from '../seam/generation.ts';
import { keptIds } from '../seam/subject.ts';
import { checkPrompt, commonPrefix } from './prompt.ts';

const cuts: fc.Arbitrary<{ generation: Generation; cut: CutClass }> = fc
  .tuple(generations, fc.nat(30), fc.nat(4))
  .map(([generation, first, size]) => {
    const start = Math.min(first, generation.length);
    return { generation, cut: { first: start, last: Math.min(start + size, generation.length) } };
  });

/** Prompts near those of a generation: cut anywhere, with ids left out, put in or changed. */
function promptsNear(generation: Generation): fc.Arbitrary<number[]> {
  const { length } = generation;
  const whole = keptIds(generation, length);
  return fc
    .tuple(
      fc.nat(length + 2),
      fc.nat(whole.length),
      fc.nat(2),
      fc.array(fc.constantFrom(10, 298), { maxLength: 2 }),
    )
    .map(([k, at, removed, inserted]) =>
      keptIds(generation, Math.min(k, length)).toSpliced(at, removed, ...inserted),
    );
}

const cases = cuts.chain(({ generation, cut }) =>
  fc.record({
    generation: fc.constant(generation),
    cut: fc.constant(cut),
    actual: promptsNear(generation),
  }),
);

test('a prompt agrees just when it is that of a cut of the class', () => {
  fc.assert(
    fc.property(cases, ({ generation, cut, actual }) => {
      const { agrees, kept, at } = checkPrompt(generation, cut, actual);
      const standsFor: number[] = [];
      for (let j = cut.first; j <= cut.last; j++)
        if (String(keptIds(generation, j)) === String(actual)) standsFor.push(j);
      expect(agrees).toBe(standsFor.length > 0);
      if (agrees) expect([[kept], undefined]).toEqual([standsFor, at]);
    }),
  );
});

test('where a prompt does not agree, the first id that differs is told', () => {
  fc.assert(
    fc.property(cases, ({ generation, cut, actual }) => {
      const { agrees, kept, at = -1, expected } = checkPrompt(generation, cut, actual);
      fc.pre(!agrees);
      expect(kept).toBeGreaterThanOrEqual(cut.first);
      expect(kept).toBeLessThanOrEqual(cut.last);
      expect(expected).toEqual(keptIds(generation, kept));
      expect(actual.slice(0, at)).toEqual(expected.slice(0, at));
      expect(actual[at]).not.toBe(expected[at]);
      const shared = (j: number): number => commonPrefix(keptIds(generation, j), actual);
      for (let j = cut.first; j <= cut.last; j++)
        expect(shared(j)).toBeLessThanOrEqual(shared(kept));
    }),
  );
});

test('a prompt that goes on after the cut differs where the cut is', () => {
  const base = THINKING.promptIds.length;
  const more = [...keptIds(THINKING, 3), 10, 10];
  expect(checkPrompt(THINKING, { first: 3, last: 3 }, more)).toMatchObject({
    agrees: false,
    kept: 3,
    at: base + 3,
  });
  expect(checkPrompt(THINKING, { first: 3, last: 3 }, [])).toMatchObject({
    agrees: false,
    kept: 3,
    at: 0,
  });
});

test('lists share what they have in common at the start', () => {
  const id = fc.nat(2);
  fc.assert(
    fc.property(fc.array(id), fc.array(id), fc.array(id), (start, a, b) => {
      const shared = commonPrefix([...start, ...a], [...start, ...b]);
      expect(shared).toBe(start.length + commonPrefix(a, b));
      if (shared < start.length + Math.min(a.length, b.length))
        expect(a[shared - start.length]).not.toBe(b[shared - start.length]);
    }),
  );
});
