import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { differenceOf, isWhitespace } from './difference.ts';

const TEXT = fc
  .array(
    fc.constantFrom(
      'a',
      'b',
      '\n',
      ' ',
      '<think>',
      '</think>',
      '<|im_end|>',
      '<s>',
      '<',
      '>',
      '👍',
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

test('replacing what was removed by what was inserted gives the actual text', () => {
  fc.assert(
    fc.property(TEXT, TEXT, (expected, actual) => {
      const { at, removed, inserted } = differenceOf(expected, actual);
      expect(expected.slice(at, at + removed.length)).toBe(removed);
      expect(actual.slice(at, at + inserted.length)).toBe(inserted);
      expect(expected.slice(0, at) + inserted + expected.slice(at + removed.length)).toBe(actual);
    }),
  );
});

test('a tag is not cut in two, in small letters or in capitals', () => {
  for (const [was, is] of [
    ['<tool>', '<took>'],
    ['<TOOL>', '<TOOK>'],
    ['[<|Start|>', '[<|Stop|>'],
  ] as const) {
    const start = was.indexOf('<');
    expect(differenceOf(was, is)).toMatchObject({
      at: start,
      removed: was.slice(start),
      inserted: is.slice(start),
    });
  }
});

test('nothing is removed or inserted between equal texts', () => {
  fc.assert(
    fc.property(TEXT, (text) => {
      expect(differenceOf(text, text)).toMatchObject({ removed: '', inserted: '' });
    }),
  );
});

test('what was put into a text without tags is found, and nothing more', () => {
  const plain = fc.stringMatching(/^[ab\n ]{0,6}$/);
  fc.assert(
    fc.property(plain, plain, plain, (before, piece, after) => {
      const difference = differenceOf(before + after, before + piece + after);
      expect(difference.removed).toBe('');
      expect(difference.inserted).toHaveLength(piece.length);
    }),
  );
});

test.each([
  ['<s>[INST]Hi', '<s><s>[INST]Hi', '<s>'],
  ['<bos><start_of_turn>user', '<bos><bos><start_of_turn>user', '<bos>'],
  ['assistant\n<think>\nTwo', 'assistant\n<think>\n<think>\nTwo', '<think>\n'],
  ['Two\n</think>\n\nIt', 'Two\n</think>\n\n<think>\n\n</think>\n\nIt', '<think>\n\n</think>\n\n'],
])('a tag is inserted whole: %j → %j', (expected, actual, inserted) => {
  expect(differenceOf(expected, actual)).toMatchObject({ removed: '', inserted });
});

test('whitespace is whitespace only, and something', () => {
  for (const text of [' ', '\n\t', '\u00a0\u3000']) expect(isWhitespace(text)).toBe(true);
  for (const text of ['', ' x', '\u200b']) expect(isWhitespace(text)).toBe(false);
});

test.each([
  ['a<|im_end|> b', 'a<|eot_id|> b', '<|im_end|>', '<|eot_id|>'],
  ['a<BOS>b', 'a<EOS>b', '<BOS>', '<EOS>'],
  ['a</think>b', 'a<think>b', '</think>', '<think>'],
  ['a<b', 'a<', '<b', '<'],
])('%j and %j differ in whole tags', (expected, actual, removed, inserted) => {
  expect(differenceOf(expected, actual)).toMatchObject({ at: 1, removed, inserted });
});
