import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { CALLING, CUT_SHORT, FORCED, generations, PLAIN, THINKING } from './fixtures.test-help.ts';
import { bytesOf, type Generation } from './generation.ts';
import { markupOf, rawText } from './markup.ts';
import { viewOf } from './view.ts';

test.each([
  ['a thinking model', THINKING],
  ['a prompt that opens the thinking', FORCED],
  ['a tool call after the thinking', CALLING],
  ['an answer that ran out of tokens', CUT_SHORT],
])('the think tags are learned from %s', (_, generation) => {
  expect(markupOf(generation)).toMatchObject({
    opening: '<think>\n',
    closing: '</think>\n\n',
  });
});

test('a model that does not think has no markup', () => {
  expect(markupOf(PLAIN)).toMatchObject({ opening: '', closing: '' });
});

test('whitespace that the server trims from the reasoning belongs to the markup', () => {
  const deltas = THINKING.deltas.filter((delta) => delta.reasoning !== '\n');
  expect(markupOf({ ...THINKING, deltas }).closing).toBe('\n</think>\n\n');
});

test('opening, reasoning, closing and content are the raw text again', () => {
  for (const generation of [THINKING, CUT_SHORT]) {
    const { opening, closing } = markupOf(generation);
    const { reasoning, content } = viewOf(generation.deltas);
    expect(opening + reasoning + closing + content).toBe(rawText(generation, generation.length));
  }
});

test('thinking that never ended has no closing', () => {
  const length = 5;
  const open: Generation = {
    ...THINKING,
    tokens: THINKING.tokens.slice(0, length),
    length,
    finish: 'length',
    deltas: THINKING.deltas.filter((delta) => delta.after <= length),
  };
  expect(markupOf(open)).toMatchObject({ opening: '<think>\n', closing: '' });
});

test('raw text is the longest run of whole characters of the bytes', () => {
  fc.assert(
    fc.property(generations, fc.nat(40), (generation, at) => {
      const k = Math.min(at, generation.length);
      const text = rawText(generation, k);
      const bytes = bytesOf(generation.tokens, 0, k);
      expect(text).not.toContain('\uFFFD');
      const own = new TextEncoder().encode(text);
      expect(bytes.subarray(0, own.length)).toEqual(own);
      expect(bytes.length - own.length).toBeLessThan(4);
      expect(rawText(generation, generation.length).startsWith(text)).toBe(true);
    }),
  );
});
