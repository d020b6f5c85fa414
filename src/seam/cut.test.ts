import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { canCut, cutEndedAsMeant, cutForReal, stopStringAt, WAYS } from './cut.ts';
import { CALLING, FakeTarget, generations, THINKING } from './fixtures.test-help.ts';
import { rawText } from './markup.ts';
import { sameView, viewAt } from './view.ts';

const signal = new AbortController().signal;

test('a stop string stands right after the cut and nowhere before', () => {
  fc.assert(
    fc.property(generations, fc.nat(40), (generation, at) => {
      const k = Math.min(at, generation.length);
      const stop = stopStringAt(generation, k);
      if (stop === undefined) return;
      expect(rawText(generation, generation.length).indexOf(stop)).toBe(
        rawText(generation, k).length,
      );
      expect(stop.trim()).not.toBe('');
      expect(stop.isWellFormed()).toBe(true);
    }),
  );
});

test('there is no stop string at the end of a generation', () => {
  expect(stopStringAt(THINKING, THINKING.length)).toBeUndefined();
});

function possible(k: number): string[] {
  return WAYS.filter((way) => canCut(THINKING, k, way));
}

test('a cut can be made wherever it can be asked for', () => {
  expect(possible(0)).toEqual(['disconnect', 'stop-string']);
  expect(possible(1)).toContain('max-tokens');
  expect(possible(THINKING.length)).toEqual(['disconnect', 'max-tokens']);
});

test.each(['disconnect', 'max-tokens'] as const)(
  'a real cut by %s holds the derived view',
  async (way) => {
    for (const generation of [THINKING, CALLING])
      for (let k = 0; k <= generation.length; k++) {
        if (!canCut(generation, k, way)) continue;
        const target = new FakeTarget(generation);
        const cut = await cutForReal(target, generation, k, way, signal);
        expect(sameView(cut.view, viewAt(generation, k)), `${k}`).toBe(true);
        expect(cutEndedAsMeant(cut, k, way)).toBe(true);
        expect(target.calls).toEqual({ chat: 1, complete: 0, render: 0, encode: 0 });
      }
  },
);

test('each way asks for what it needs and no more', async () => {
  const target = new FakeTarget(THINKING);
  for (const way of WAYS) await cutForReal(target, THINKING, 4, way, signal);
  const stop = stopStringAt(THINKING, 4);
  expect(target.chats.map(({ sampling }) => sampling)).toEqual([
    { maxTokens: 64, top: 0, cache: 'cold' },
    { maxTokens: 4, top: 0, cache: 'cold' },
    { maxTokens: 64, top: 0, cache: 'cold', stop: [stop] },
  ]);
});

test('text that came after the cut in the same breath is not held', async () => {
  const target = new FakeTarget(THINKING, {
    chat: (answer) => ({ ...answer, deltas: [...answer.deltas, { after: 99, content: 'late' }] }),
  });
  const cut = await cutForReal(target, THINKING, 4, 'disconnect', signal);
  expect(cut.view.content).toBe('');
});

test('a stream that breaks is not the cut that was meant', () => {
  const cut = { view: viewAt(THINKING, 1), generated: 1, finish: undefined };
  for (const way of WAYS) {
    expect(cutEndedAsMeant({ ...cut, end: { kind: 'reset', detail: '' } }, 3, way)).toBe(false);
    expect(
      cutEndedAsMeant({ ...cut, end: { kind: 'error-event', message: '', body: '' } }, 3, way),
    ).toBe(false);
    expect(cutEndedAsMeant({ ...cut, end: { kind: 'aborted' } }, 3, way)).toBe(
      way === 'disconnect',
    );
  }
});

test('a server that does not stop where it was told to has not made the cut', () => {
  const cut = {
    view: viewAt(THINKING, 1),
    generated: 60,
    finish: 'stop',
    end: { kind: 'done' },
  } as const;
  expect(cutEndedAsMeant(cut, 3, 'max-tokens')).toBe(false);
  expect(cutEndedAsMeant(cut, 3, 'stop-string')).toBe(false);
});
