import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CALLING, PLAIN, THINKING } from './fixtures.test-help.ts';
import { rawText } from './markup.ts';
import { sameView, viewsOf } from './view.ts';
import { endOfValue, readWritten, writeBegun, writingOf } from './written.ts';

test.each([
  ['a thought and an answer', THINKING],
  ['an answer alone', PLAIN],
  ['a tool call', CALLING],
])('%s is read from its raw text as its stream told it', (_, generation) => {
  const writing = writingOf(generation);
  const views = viewsOf(generation);
  const whole = readWritten(rawText(generation, generation.length), writing);
  expect(sameView(whole, views.at(-1)!)).toBe(true);
  // On the way the reader may be ahead of a server that holds text back, never apart from it.
  for (let k = 0; k <= generation.length; k++) {
    const view = readWritten(rawText(generation, k), writing);
    expect(whole.reasoning.startsWith(view.reasoning)).toBe(true);
    expect(whole.content.startsWith(view.content)).toBe(true);
    for (const [i, call] of view.toolCalls.entries())
      expect(whole.toolCalls[i]?.arguments.startsWith(call.arguments)).toBe(true);
  }
});

const texts = fc
  .string({ minLength: 1, maxLength: 12 })
  .filter((text) => !/[<>]/.test(text) && text.trim() === text && text !== '');
const calls = fc.record({
  name: fc.stringMatching(/^[a-z]{1,8}$/),
  arguments: fc
    .dictionary(texts, fc.oneof(texts, fc.integer()))
    .map((value) => JSON.stringify(value)),
});

describe('what is begun reads back as it was given', () => {
  test('with calls, the last of them unfinished', () => {
    const writing = writingOf(CALLING);
    fc.assert(
      fc.property(texts, fc.array(calls, { maxLength: 3 }), fc.nat(), (reasoning, made, at) => {
        const last = made.at(-1);
        const cut = last?.arguments.slice(0, 1 + (at % last.arguments.length));
        const toolCalls = [
          ...made.slice(0, -1),
          ...(last === undefined ? [] : [{ ...last, arguments: cut ?? '' }]),
        ];
        const raw = writeBegun({ reasoning, content: '', toolCalls }, writing);
        expect(readWritten(raw ?? '', writing)).toEqual({ reasoning, content: '', toolCalls });
      }),
    );
  });

  test('with content', () => {
    const writing = writingOf(THINKING);
    fc.assert(
      fc.property(texts, texts, (reasoning, content) => {
        const raw = writeBegun({ reasoning, content }, writing);
        expect(readWritten(raw ?? '', writing)).toEqual({ reasoning, content, toolCalls: [] });
      }),
    );
  });

  test('a call needs a call to learn from', () => {
    const toolCalls = [{ name: 'f', arguments: '{' }];
    expect(writeBegun({ content: '', toolCalls }, writingOf(THINKING))).toBeUndefined();
  });
});

test('the end of a JSON value is where it can be read, and nowhere before', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (value, more) => {
      const text = JSON.stringify(value);
      expect(endOfValue(text + more)).toBe(text.length);
      for (let i = 0; i < text.length; i++) expect(endOfValue(text.slice(0, i))).toBeUndefined();
    }),
  );
});
