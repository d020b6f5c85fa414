import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CALLING, encode, FORCED, generations, PLAIN, THINKING } from './fixtures.test-help.ts';
import { phaseAt, PHASES, type Generation, type TokenEvent, type View } from './generation.ts';
import { layOut, phasesOf } from './phases.ts';
import { viewOf } from './view.ts';

function phasesSeen(generation: Generation): string[] {
  return phasesOf(generation.tokens, layOut(generation.tokens, viewOf(generation.deltas)));
}

test.each([
  ['thinking', THINKING],
  ['thinking that the prompt opened', FORCED],
  ['plain', PLAIN],
  ['tool call', CALLING],
])('the phases of a generation are told from what the client read of it: %s', (_, generation) => {
  expect(phasesSeen(generation)).toEqual(generation.tokens.map((token) => token.phase));
});

test('phases follow each other in one order', () => {
  fc.assert(
    fc.property(generations, (generation) => {
      const order = phasesSeen(generation).map((phase) =>
        PHASES.findIndex((known) => known === phase),
      );
      expect(order).toEqual(order.toSorted((a, b) => a - b));
      expect(order).toHaveLength(generation.tokens.length);
    }),
  );
});

/** One token a character, as bytes. */
function tokensOf(text: string): TokenEvent[] {
  return Array.from(text, (character) => ({ id: 1, bytes: new TextEncoder().encode(character) }));
}

describe('markup of other families', () => {
  test.each([
    ['Mistral', '[THINK]why[/THINK]so', 7, 8],
    [
      'harmony',
      '<|channel|>analysis<|message|>why<|end|><|start|>assistant<|channel|>final<|message|>so',
      30,
      52,
    ],
    ['whitespace that the parser trims', '<think>\n why \n</think>\n\n so', 9, 13],
  ])('%s', (_, raw, opening, closing) => {
    const tokens = tokensOf(raw);
    const whole: View = { reasoning: 'why', content: 'so', toolCalls: [] };
    const seen = phasesOf(tokens, layOut(tokens, whole)).map(
      (phase) =>
        ({ opening: 'o', reasoning: 'r', closing: 'c', content: 'C', 'tool-call': 't' })[phase],
    );
    expect(seen.join('')).toBe(`${'o'.repeat(opening)}rrr${'c'.repeat(closing)}CC`);
  });
});

test('tokens without bytes lie where the token before them lies', () => {
  const [first] = tokensOf('a');
  const tokens = [{ id: 2, bytes: new Uint8Array() }, first!, { id: 2, bytes: new Uint8Array() }];
  expect(phasesOf(tokens, layOut(tokens, { reasoning: '', content: 'a', toolCalls: [] }))).toEqual([
    'content',
    'content',
    'content',
  ]);
});

test('a cut lies in the phase of the last token kept, and the cut before all tokens in that of the first', () => {
  expect(phaseAt(THINKING, 0)).toBe('opening');
  expect(phaseAt(PLAIN, 0)).toBe('content');
  for (let k = 1; k <= THINKING.length; k++)
    expect(phaseAt(THINKING, k)).toBe(THINKING.tokens[k - 1]?.phase);
});

test('the fixture tokens are as their text encodes', () => {
  for (const { promptText, promptIds } of [THINKING, FORCED])
    expect(encode(promptText ?? '')).toEqual(promptIds);
});
