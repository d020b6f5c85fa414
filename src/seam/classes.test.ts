import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { classesOf } from './classes.ts';
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
