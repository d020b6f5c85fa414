/** Which message is which on the other side of a hop. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../dialects/json.ts';
import { alignMessages } from './hop-align.ts';

const user = (content: unknown): JsonObject => ({ role: 'user', content });
const model = (content: unknown): JsonObject => ({ role: 'assistant', content });

/** Pairs as `0:0`, what was lost as `0:`, what was added as `:0`. */
function aligned(before: readonly JsonObject[], after: readonly JsonObject[]): string {
  return alignMessages(before, after)
    .map(([i, j]) => `${i ?? ''}:${j ?? ''}`)
    .join(' ');
}

const message = fc.record({
  role: fc.constantFrom('user', 'assistant', 'tool'),
  content: fc.constantFrom('', 'The sum', 'The sum of it', 'Another', 'third', undefined),
});
const messages = fc.array(message, { maxLength: 6 });

const paired = (pairs: [number | undefined, number | undefined][]): number =>
  pairs.filter(([i, j]) => i !== undefined && j !== undefined).length;

describe('in every case', () => {
  test('each message of both sides stands once and in order', () => {
    fc.assert(
      fc.property(messages, messages, (before, after) => {
        const pairs = alignMessages(before, after);
        const known = (side: 0 | 1): (number | undefined)[] =>
          pairs.map((pair) => pair[side]).filter((place) => place !== undefined);
        expect(known(0)).toEqual([...before.keys()]);
        expect(known(1)).toEqual([...after.keys()]);
        for (const pair of pairs) expect(pair).not.toEqual([undefined, undefined]);
      }),
    );
  });

  test('what was only lost, or only added, is told as that', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z]{4}$/)), fc.nat(), (texts, seed) => {
        const all = texts.map(user);
        const some = all.filter((_, i) => (seed >> (i % 8)) % 2 === 0);
        const lost = alignMessages(all, some).filter(([, j]) => j === undefined);
        const added = alignMessages(some, all).filter(([i]) => i === undefined);
        expect(lost).toHaveLength(all.length - some.length);
        expect(added).toHaveLength(all.length - some.length);
      }),
    );
  });

  test('the two sides may be changed for each other, up to ties', () => {
    fc.assert(
      fc.property(messages, messages, (before, after) => {
        expect(alignMessages(before, before).every(([i, j]) => i === j)).toBe(true);
        expect(paired(alignMessages(before, after)) > 0).toBe(
          paired(alignMessages(after, before)) > 0,
        );
      }),
    );
  });
});

test.each<readonly [string, readonly JsonObject[], readonly JsonObject[], string]>([
  ['nothing', [], [], ''],
  ['one lost at the end', [user('a'), model('b')], [user('a')], '0:0 1:'],
  ['one added at the end', [user('a')], [user('a'), model('b')], '0:0 :1'],
  ['one lost in front', [user('a'), model('b')], [model('b')], '0: 1:0'],
  ['one added in front', [model('b')], [user('a'), model('b')], ':0 0:1'],
  ['all lost', [user('a'), model('b')], [], '0: 1:'],
  ['all added', [], [user('a'), model('b')], ':0 :1'],
  ['a text rewritten', [user('a')], [user('b')], '0:0'],
  ['a text emptied', [model('a')], [model('')], '0:0'],
  ['a text trimmed', [user(' a b ')], [user('a b')], '0:0'],
  ['another role', [model('a')], [user('a')], '0:0'],
  ['another role and less text', [model('a b')], [user('a')], '0:0'],
  ['another role and more text', [model('a')], [user('a b')], '0:0'],
  ['another role and other whitespace', [model('a b')], [user('ab')], '0:0'],
  ['nothing in common', [model('a')], [user('b')], '0: :0'],
  ['no text is part of none', [model('a')], [user('')], '0: :0'],
  ['none is part of no text', [model('')], [user('a')], '0: :0'],
])('%s', (_, before, after, pairs) => {
  expect(aligned(before, after)).toBe(pairs);
});

describe('which of two is the one', () => {
  test('the same text before a part of it', () => {
    const [part, whole] = [user('The sum'), user('The sum of it')];
    expect(aligned([part, whole], [whole])).toBe('0: 1:0');
    expect(aligned([whole, part], [part])).toBe('0: 1:0');
    expect(aligned([whole], [part, whole])).toBe(':0 0:1');
  });

  test('a part of the text before another text', () => {
    expect(aligned([user('a'), user('The sum')], [user('The')])).toBe('0: 1:0');
  });

  test('the same role before another', () => {
    expect(aligned([user('Hi'), model('Hi')], [model('Hi')])).toBe('0: 1:0');
    expect(aligned([user('The sum'), model('The')], [model('The sum is')])).toBe('0: 1:0');
  });

  test('the same text in another role before another text in the same role', () => {
    expect(aligned([user('a'), model('The sum')], [user('The sum')])).toBe('0: 1:0');
  });
});

test('the texts of parts are one text, and a part without text is none', () => {
  const parts = [{ type: 'text', text: 'The ' }, { type: 'image' }, { type: 'text', text: 'sum' }];
  expect(aligned([model(parts)], [user('The sum')])).toBe('0:0');
  expect(aligned([user('The sum')], [model(parts)])).toBe('0:0');
  expect(aligned([model(parts)], [user([{ text: 'Another' }])])).toBe('0: :0');
  expect(aligned([model([{ type: 'image' }])], [user('')])).toBe('0:0');
});
