import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { generations, THINKING } from '../seam/fixtures.test-help.ts';
import type { Delta, Generation } from '../seam/generation.ts';
import { derive } from '../seam/subject.ts';
import { sameView, viewAt } from '../seam/view.ts';
import { classOfView } from './held.ts';

/** The same generation, its stream in fewer pieces: each joins those of one field before it. */
function coarse(generation: Generation, joined: (i: number) => boolean): Generation {
  const deltas: Delta[] = [];
  for (const [i, delta] of generation.deltas.entries()) {
    const last = deltas.at(-1);
    const field = (['content', 'reasoning'] as const).find(
      (name) => last?.[name] !== undefined && delta[name] !== undefined,
    );
    if (last === undefined || field === undefined || !joined(i)) deltas.push(delta);
    else
      deltas[deltas.length - 1] = {
        after: delta.after,
        [field]: (last[field] ?? '') + (delta[field] ?? ''),
      };
  }
  return { ...generation, deltas };
}

describe('the cuts that a held text stands for', () => {
  test('are the class of the cut where the uninterrupted stream gave the same text', () => {
    fc.assert(
      fc.property(generations, (generation) => {
        const subject = derive(generation);
        for (let k = 0; k <= generation.length; k++)
          expect(classOfView(subject, k, viewAt(generation, k))).toEqual(subject.viewClasses[k]);
      }),
    );
  });

  test.each([
    ['in one piece a field', () => true],
    ['in pieces of three', (i: number) => i % 3 !== 0],
  ])('are found by the text of the tokens where a stream came %s', (_, joined) => {
    const subject = derive(coarse(THINKING, joined));
    let found = 0;
    for (const { after } of THINKING.deltas) {
      const view = viewAt(THINKING, after);
      if (subject.views.some((known) => sameView(known, view))) continue;
      expect([after, classOfView(subject, THINKING.length, view)]).toEqual([
        after,
        { first: after, last: after },
      ]);
      found++;
    }
    expect(found).toBeGreaterThan(3);
  });

  test('never lie before what is held', () => {
    fc.assert(
      fc.property(generations, fc.func(fc.boolean()), fc.nat(40), (generation, joined, at) => {
        const subject = derive(coarse(generation, (i) => joined(i)));
        const k = at % (generation.length + 1);
        const view = viewAt(generation, k);
        const { first, last } = classOfView(subject, k, view);
        expect(first).toBeLessThanOrEqual(last);
        expect(viewAt(generation, last).content.length).toBeGreaterThanOrEqual(view.content.length);
      }),
    );
  });
});
