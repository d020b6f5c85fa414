import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadTokenizer } from '../tokens/tokenizer.ts';
import { viewOf } from '../seam/view.ts';
import {
  idOf,
  laidOut,
  PieceMaker,
  retokenized,
  type HeardText,
  type ToldToken,
} from './text-level-pieces.ts';

const THINKER = fileURLToPath(new URL('../../models/thinker/hf', import.meta.url));
const text = fc.string({ unit: 'grapheme', maxLength: 60 });
const heard: fc.Arbitrary<HeardText> = fc.oneof(
  fc.record({ reasoning: text }),
  fc.record({ content: text }),
  fc.record({ reasoning: text, content: text }),
);
const bytesOf = (value: string): Buffer => Buffer.from(value);

function pieces(events: readonly HeardText[]) {
  const maker = new PieceMaker();
  return events.flatMap((event) => maker.add(event));
}

describe('pieces of events', () => {
  test('add up to what was heard, and each is whole characters', () => {
    fc.assert(
      fc.property(fc.array(heard), (events) => {
        const made = pieces(events);
        const view = viewOf(laidOut(made).deltas);
        expect(view.reasoning).toBe(events.map(({ reasoning = '' }) => reasoning).join(''));
        expect(view.content).toBe(events.map(({ content = '' }) => content).join(''));
        for (const piece of made) expect(piece.text.isWellFormed()).toBe(true);
      }),
    );
  });

  test('have places from 1 on, one after the other, and equal ids for equal bytes only', () => {
    fc.assert(
      fc.property(fc.array(heard), (events) => {
        const { tokens, deltas } = laidOut(pieces(events));
        expect(tokens.map(({ place }) => place)).toEqual(tokens.map((_, i) => i + 1));
        for (const [i, delta] of deltas.entries())
          expect(delta.after).toBeGreaterThan(deltas[i - 1]?.after ?? 0);
        const texts = new Map(tokens.map(({ id, bytes }) => [id, Buffer.from(bytes).toString()]));
        for (const { id, bytes } of tokens)
          expect(texts.get(id)).toBe(Buffer.from(bytes).toString());
      }),
    );
  });

  test('one event that holds a whole answer is divided into words, CJK into characters', () => {
    const made = pieces([{ content: 'The sum of the two numbers is 42.' }]);
    expect(made.map((piece) => piece.text)).toEqual([
      'The',
      ' sum',
      ' of',
      ' the',
      ' two',
      ' numbers',
      ' is',
      ' 42.',
    ]);
    expect(pieces([{ content: '数'.repeat(30) }])).toHaveLength(30);
    expect(pieces([{ content: ' unhappily' }])).toHaveLength(1);
  });
});

function token(bytes: Uint8Array): ToldToken {
  return { bytes, logprob: -0.5, top: [{ bytes, logprob: -0.5 }] };
}

describe('tokens told by their text', () => {
  test('divide the text wherever they do, inside characters too', () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat({ max: 200 })), (content, cuts) => {
        fc.pre(content !== '');
        const whole = bytesOf(content);
        const at = [...new Set(cuts.map((cut) => cut % whole.length))].filter((cut) => cut > 0);
        const borders = [0, ...at.toSorted((a, b) => a - b), whole.length];
        const tokens = borders.slice(1).map((end, i) => token(whole.subarray(borders[i], end)));
        const made = pieces([{ content, tokens }]);
        expect(made.map(({ bytes }) => [...bytes])).toEqual(tokens.map(({ bytes }) => [...bytes]));
        expect(made.map((piece) => piece.text).join('')).toBe(content);
        const { tokens: placed } = laidOut(made);
        expect(placed.every(({ logprob, top }) => logprob === -0.5 && top?.length === 2)).toBe(
          true,
        );
      }),
    );
  });

  test('that were told before their text are used with it; hidden ones before it are left out', () => {
    const told = ['</think>', '\n\n', 'It', ' is'].map((part) => token(bytesOf(part)));
    const made = pieces([
      { content: '', tokens: told.slice(0, 3) },
      { content: 'It is', tokens: told.slice(3) },
    ]);
    expect(made.map((piece) => piece.text)).toEqual(['It', ' is']);
    expect(made.every((piece) => piece.told !== undefined)).toBe(true);
  });

  test('that spell something else are not believed', () => {
    const made = pieces([{ content: 'It is', tokens: [token(bytesOf('It was'))] }]);
    expect(made).toMatchObject([{ text: 'It is' }]);
    expect(made[0]?.told).toBeUndefined();
  });
});

test('a local tokenizer divides each field into its tokens, and changes no text', async () => {
  const tokenizer = await loadTokenizer(THINKER);
  fc.assert(
    fc.property(fc.array(heard, { maxLength: 6 }), (events) => {
      const plain = pieces(events);
      const made = retokenized(plain, tokenizer);
      expect(viewOf(laidOut(made).deltas)).toEqual(viewOf(laidOut(plain).deltas));
    }),
  );
  fc.assert(
    fc.property(fc.array(text, { maxLength: 6 }), (parts) => {
      const whole = parts.join('');
      const tokens = tokenizer.encodePlain(whole).map((id) => tokenizer.bytes(id));
      // A normalizer changes some texts; those stay as they came.
      fc.pre(Buffer.concat(tokens).equals(Buffer.from(whole)));
      const made = retokenized(pieces(parts.map((content) => ({ content }))), tokenizer);
      expect(made.map(({ bytes }) => idOf(bytes))).toEqual(tokens.map(idOf));
    }),
  );
});

test('fragments of a tool call stay in their call, and are tokens of a local tokenizer', async () => {
  const tokenizer = await loadTokenizer(THINKER);
  const calls = [
    { index: 0, id: 'a', name: 'get_weather' },
    { index: 0, arguments: '{"city": ' },
    { index: 0, arguments: '"Paris"}' },
    { index: 1, id: 'b', name: 'get_time' },
    { index: 1, arguments: '{}' },
  ];
  const plain = pieces(calls.map((call) => ({ toolCalls: [call] })));
  const made = retokenized(plain, tokenizer);
  expect(viewOf(laidOut(made).deltas)).toEqual(viewOf(laidOut(plain).deltas));
  const first = made.filter(({ call }) => call?.index === 0 && call.name === undefined);
  expect(first.map(({ bytes }) => idOf(bytes))).toEqual(
    tokenizer.encodePlain('{"city": "Paris"}').map((id) => idOf(tokenizer.bytes(id))),
  );
});
