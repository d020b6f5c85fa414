import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JudgedSeam } from '../checks/seam.ts';
import { canCut, WAYS, type Way } from '../seam/cut.ts';
import {
  CALLING,
  FakeTarget,
  generations,
  subjectOf,
  THINKING,
} from '../seam/fixtures.test-help.ts';
import type { Generation } from '../seam/generation.ts';
import { strategiesNamed } from '../seam/named.ts';
import { sameView } from '../seam/view.ts';
import { Refusal } from '../wire/refusal.ts';
import { judgeChain, normalizePauses, type Pause } from './chain.ts';
import { Controls } from './controls.ts';
import { Judge } from './judge.ts';

const signal = new AbortController().signal;
const COMPARE = 4;
const PAUSES = fc.array(fc.record({ k: fc.nat(60), way: fc.constantFrom(...WAYS) }), {
  minLength: 1,
  maxLength: 5,
});

async function chain(
  target: FakeTarget,
  generation: Generation,
  pauses: readonly Pause[],
  strategy = 'reasoning-field',
): Promise<JudgedSeam[]> {
  const judge = new Judge(target, new Controls(target, COMPARE, signal), {
    compare: COMPARE,
    signal,
  });
  const [named] = strategiesNamed([strategy]);
  return await judgeChain(target, judge, subjectOf(generation), named!, pauses, signal);
}

const at = (k: number, way: Way = 'disconnect'): Pause => ({ k, way });

test('pauses come in order, once each, inside the generation, in a way that is possible', () => {
  fc.assert(
    fc.property(generations, PAUSES, (generation, pauses) => {
      const normal = normalizePauses(subjectOf(generation), pauses);
      const cuts = normal.map(({ k }) => k);
      expect(cuts).toEqual([...new Set(cuts)].toSorted((a, b) => a - b));
      expect(new Set(cuts)).toEqual(new Set(pauses.map(({ k }) => k % (generation.length + 1))));
      for (const { k, way } of normal) expect(canCut(generation, k, way)).toBe(true);
      expect(normalizePauses(subjectOf(generation), normal)).toEqual(normal);
    }),
  );
});

describe('a faithful server', () => {
  test('goes on exactly after every chain of pauses', async () => {
    const cases = fc.tuple(fc.constantFrom(THINKING, CALLING), PAUSES);
    await fc.assert(
      fc.asyncProperty(cases, async ([generation, drawn]) => {
        const pauses = normalizePauses(subjectOf(generation), drawn);
        const judged = await chain(new FakeTarget(generation), generation, pauses);
        expect(judged.map(({ verdict }) => verdict)).toEqual(pauses.map(() => 'exact'));
        expect(judged.map(({ plan }) => plan.k)).toEqual(pauses.map(({ k }) => k));
      }),
      { numRuns: 60 },
    );
  });

  test.each(['disconnect', 'max-tokens'] as const)(
    'is read to the next pause, also when it resumes from an earlier cut: %s',
    async (way) => {
      const { views } = subjectOf(THINKING);
      for (let first = 1; first < THINKING.length; first++)
        for (let next = first + 1; next <= THINKING.length; next++) {
          const judged = await chain(new FakeTarget(THINKING), THINKING, [
            at(first),
            at(next, way),
          ]);
          const held = judged[1]?.view;
          expect([first, next, held && sameView(held, views[next]!)]).toEqual([first, next, true]);
        }
    },
  );

  test('is asked no more than it takes: one cut, and a render and a resume for each pause', async () => {
    const target = new FakeTarget(THINKING);
    await chain(target, THINKING, [at(3), at(5), at(12)]);
    expect(target.calls).toEqual({ chat: 4, complete: 0, render: 3, encode: 0 });
  });
});

test('a chain ends at its first failing seam', async () => {
  const target = new FakeTarget(THINKING, {
    render: (text) => text.replace('</think>', '\n</think>'),
  });
  const judged = await chain(target, THINKING, [at(3), at(12), at(13)]);
  expect(judged.map(({ verdict }) => verdict)).toEqual(['exact', 'diverged']);
});

test('a strategy is not tried where it throws away what is held', async () => {
  const target = new FakeTarget(THINKING);
  expect(await chain(target, THINKING, [at(3)], 'content-only')).toEqual([]);
  expect(target.calls.render).toBe(0);
});

test('without pauses nothing is asked', async () => {
  const target = new FakeTarget(THINKING);
  expect(await chain(target, THINKING, [])).toEqual([]);
  expect(target.spending.requests).toBe(0);
});

test('a first stream that is refused is trouble: there is no resume yet to be rejected', async () => {
  const target = new FakeTarget(THINKING, {
    chat: () => {
      const request = { method: 'POST', url: 'http://fake', body: {} } as const;
      throw new Refusal({ status: 400, body: 'no', request });
    },
  });
  const judged = await chain(target, THINKING, [at(3)]);
  expect(judged).toMatchObject([{ verdict: 'error', error: 'no' }]);
});

test('a first stream that says something else than before proves nothing', async () => {
  const target = new FakeTarget(THINKING, {
    chat: (answer) => ({ ...answer, deltas: [{ after: 1, reasoning: 'Three' }] }),
  });
  expect(await chain(target, THINKING, [at(3)])).toMatchObject([{ verdict: 'unstable' }]);
});
