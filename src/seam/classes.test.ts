import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { classesOf, rawClassesOf } from './classes.ts';
import { generations } from './fixtures.test-help.ts';
import { rawText } from './markup.ts';
import { derive } from './subject.ts';
import { sameView } from './view.ts';

test('classes are the runs of cuts at which the same is held', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2), { maxLength: 30 }), (held) => {
      const classes = classesOf(held, (a, b) => a === b);
      expect(classes).toHaveLength(held.length);
      for (const [k, { first, last }] of classes.entries()) {
        expect(first).toBeLessThanOrEqual(k);
        expect(last).toBeGreaterThanOrEqual(k);
        expect(new Set(held.slice(first, last + 1)).size).toBe(1);
        expect(held[first - 1]).not.toBe(held[k]);
        expect(held[last + 1]).not.toBe(held[k]);
        for (let j = first; j <= last; j++) expect(classes[j]).toEqual({ first, last });
      }
    }),
  );
});

test('the classes of a generation cover its cuts 0 to n', () => {
  fc.assert(
    fc.property(generations, (generation) => {
      const { views, viewClasses, rawClasses } = derive(generation);
      for (const classes of [viewClasses, rawClasses]) {
        expect(classes).toHaveLength(generation.length + 1);
        expect(classes[0]?.first).toBe(0);
        expect(classes.at(-1)?.last).toBe(generation.length);
      }
      for (const [k, { first, last }] of viewClasses.entries()) {
        expect(sameView(views[first]!, views[k]!)).toBe(true);
        expect(sameView(views[last]!, views[k]!)).toBe(true);
      }
      for (const [k, { first, last }] of rawClasses.entries()) {
        expect(rawText(generation, first)).toBe(rawText(generation, k));
        expect(rawText(generation, last)).toBe(rawText(generation, k));
      }
    }),
  );
});

test('the classes of the raw text are those of its whole characters, also where bytes are broken', () => {
  const bytes = fc.array(
    fc.constantFrom(0x61, 0xc3, 0xa9, 0xf0, 0x9f, 0x91, 0x8d, 0xef, 0xbb, 0xbf),
    {
      maxLength: 3,
    },
  );
  fc.assert(
    fc.property(generations, fc.array(bytes, { maxLength: 12 }), (some, pieces) => {
      const tokens = pieces.map((piece, id) => ({
        id,
        bytes: Uint8Array.from(piece),
        phase: 'content' as const,
      }));
      const generation = { ...some, tokens, length: tokens.length };
      const texts = Array.from({ length: tokens.length + 1 }, (_, k) => rawText(generation, k));
      expect(rawClassesOf(tokens)).toEqual(classesOf(texts, (a, b) => a === b));
    }),
    { numRuns: 500 },
  );
});

test('a byte order mark is a character, and half of one is none', () => {
  const tokens = [[0xef, 0xbb], [0xbf], [0x61]].map((bytes, id) => ({
    id,
    bytes: Uint8Array.from(bytes),
  }));
  expect(rawClassesOf(tokens)).toEqual([
    { first: 0, last: 1 },
    { first: 0, last: 1 },
    { first: 2, last: 2 },
    { first: 3, last: 3 },
  ]);
});
