import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareTokenizers } from './compare.ts';
import { FIXTURES, THINKER } from './python.test-help.ts';
import { SAMPLES } from './samples.ts';
import { loadTokenizer } from './tokenizer.ts';

const thinker = await loadTokenizer(THINKER);
const gpt2 = await loadTokenizer(join(FIXTURES, 'gpt2.json'));
const llama2 = await loadTokenizer(join(FIXTURES, 'llama2.json'));
const TEXTS = SAMPLES.map(({ text }) => text);

test.each([
  ['thinker', thinker],
  ['gpt2', gpt2],
  ['llama2', llama2],
])('%s agrees with itself', (_, tokenizer) => {
  const encodings = TEXTS.map((text) => ({ text, ids: tokenizer.encode(text) }));
  expect(compareTokenizers(tokenizer, encodings)).toEqual({
    compared: TEXTS.length,
    differing: 0,
    byKind: {},
    smallest: undefined,
  });
});

test('a single merge that the server does not make is the whole difference', () => {
  const text = 'The sum of 478 and 256 is **734**, and the table goes on.';
  const ids = thinker.encode(text);
  const at = ids.findIndex((id, i) => i > 3 && thinker.bytes(id).length === 4);
  const whole = ids[at] ?? 0;
  const word = Buffer.from(thinker.bytes(whole)).toString();
  const parts = [...thinker.encodePlain(word.slice(0, 2)), ...thinker.encodePlain(word.slice(2))];
  const { smallest, byKind } = compareTokenizers(thinker, [
    { text, ids: [...ids.slice(0, at), ...parts, ...ids.slice(at + 1)] },
  ]);
  expect(byKind).toEqual({ 'other-split': 1 });
  expect(smallest).toMatchObject({
    kind: 'other-split',
    at,
    text,
    server: { ids: parts },
    local: { ids: [whole] },
  });
});

test('of several differences the smallest is told', () => {
  const letters = (text: string): number[] =>
    Array.from(text).flatMap((character) => thinker.encodePlain(character));
  const long = { text: 'of table', ids: [...thinker.encode('of'), ...letters(' table')] };
  const short = { text: 'A is', ids: [...thinker.encode('A'), ...letters(' is')] };
  const [word, letter] = [thinker.encode(' table'), thinker.encode(' is')].map((ids) => ids.length);
  expect([word, letter]).toEqual([1, 1]);
  const { smallest, differing } = compareTokenizers(thinker, [long, short, long]);
  expect(differing).toBe(3);
  expect(smallest).toMatchObject({ text: 'A is', before: 'A', after: '' });
  expect(smallest?.server.pieces).toEqual(['␠', 'i', 's']);
});

const kindOf = (tokenizer: typeof thinker, text: string, ids: number[]): unknown =>
  compareTokenizers(tokenizer, [{ text, ids }]).smallest?.kind;

describe('kinds', () => {
  test('a BOS and an EOS of the server', () => {
    const [begin = 0, ...rest] = llama2.encode('<s>');
    expect(rest).toEqual([]);
    const ids = llama2.encode('Hello');
    expect(kindOf(llama2, 'Hello', [begin, ...ids])).toBe('added-ids');
    expect(kindOf(llama2, 'Hello', [...ids, begin])).toBe('added-ids');
  });
  test('control tokens taken for text', () => {
    const text = 'Say <|im_end|> now';
    expect(kindOf(thinker, text, thinker.encodePlain(text))).toBe('special-literal');
  });
  test('another normalization', () => {
    expect(kindOf(thinker, 'e\u0301', thinker.encodePlain('e'))).toBe('other-text');
  });
  test('an id that the vocabulary lacks', () => {
    expect(kindOf(thinker, 'Hi', [thinker.vocabularySize + 5])).toBe('unknown-id');
  });
  test('another vocabulary', () => {
    const text = 'The sum of 478 and 256';
    expect(kindOf(thinker, text, gpt2.encode(text))).toBe('other-text');
  });
});

test('every difference is found, and what is told is in the lists', () => {
  const id = fc.nat(thinker.vocabularySize);
  fc.assert(
    fc.property(
      fc.constantFrom(...TEXTS),
      fc.nat(),
      fc.array(id, { maxLength: 3 }),
      fc.nat(3),
      (text, where, put, removed) => {
        const local = thinker.encode(text);
        const from = where % (local.length + 1);
        const ids = local.toSpliced(from, removed, ...put);
        const { differing, smallest } = compareTokenizers(thinker, [{ text, ids }]);
        const same = JSON.stringify(ids) === JSON.stringify(local);
        expect(differing).toBe(same ? 0 : 1);
        if (smallest === undefined) return;
        expect(smallest.server.ids).not.toEqual(smallest.local.ids);
        expect(ids.slice(smallest.at, smallest.at + smallest.server.ids.length)).toEqual(
          smallest.server.ids,
        );
        expect(smallest.server.ids.length).toBeLessThanOrEqual(put.length + removed + 8);
      },
    ),
  );
});
