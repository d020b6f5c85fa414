/** One field on both sides of a hop. */
import { describe, expect, test } from 'vitest';
import { compareFields, EXTRA, fieldChange, same, textChange } from './hop-fields.ts';

/** The changes of fields, those that are kept left out. */
function seen(sent: Record<string, unknown>, forwarded: Record<string, unknown>): string[] {
  return compareFields(new Map(Object.entries(sent)), new Map(Object.entries(forwarded)), 'm.')
    .filter(({ change }) => change !== 'kept')
    .map(({ field, change, detail }) => `${field} ${change} ${detail}`.trim());
}

const map = (held: Record<string, unknown>): Map<string, unknown> => new Map(Object.entries(held));

test('a change is told with both sides, its kind, and no detail where there is none', () => {
  expect(compareFields(map({ a: 1, b: 'held' }), map({ a: 1, c: 2 }), 'm.')).toEqual([
    { field: 'm.a', sent: 1, forwarded: 1, change: 'kept', detail: '' },
    { field: 'm.b', sent: 'held', forwarded: undefined, change: 'dropped', detail: '' },
    { field: 'm.c', sent: undefined, forwarded: 2, change: 'added', detail: '' },
  ]);
  expect(fieldChange('f', 1, 2)).toEqual({
    field: 'f',
    sent: 1,
    forwarded: 2,
    change: 'rewritten',
    detail: '',
  });
  expect(fieldChange('f', 'a ', 'a')).toMatchObject({ change: 'trimmed', detail: 'end' });
  for (const [was, is] of [
    ['a', 1],
    [1, 'a'],
    ['a', undefined],
  ])
    expect(fieldChange('f', was, is)).toMatchObject({ change: 'rewritten', detail: '' });
});

describe('a field is moved', () => {
  test('into extra_body or out of it, with its value', () => {
    expect(seen({ [`${EXTRA}seed`]: 1 }, { seed: 1 })).toEqual(['m.extra_body.seed moved m.seed']);
    expect(seen({ seed: 1 }, { [`${EXTRA}seed`]: 1 })).toEqual(['m.seed moved m.extra_body.seed']);
  });

  test('and is another one where its value is another', () => {
    expect(seen({ [`${EXTRA}seed`]: 1 }, { seed: 2 })).toEqual([
      'm.extra_body.seed dropped',
      'm.seed added',
    ]);
  });

  test('not to where the client itself has one', () => {
    expect(seen({ seed: 1, [`${EXTRA}seed`]: 1 }, { seed: 1 })).toEqual([
      'm.extra_body.seed dropped',
    ]);
  });

  test('once only', () => {
    expect(seen({ thoughts: 'held', [`${EXTRA}words`]: 'held' }, { words: 'held' })).toEqual([
      'm.thoughts renamed m.words',
      'm.extra_body.words dropped',
    ]);
    expect(seen({ [`${EXTRA}words`]: 'held', thoughts: 'held' }, { words: 'held' })).toEqual([
      'm.extra_body.words moved m.words',
      'm.thoughts dropped',
    ]);
  });
});

const renamed = (from: string, to: string, value: unknown): boolean =>
  seen({ [from]: value }, { [to]: value })
    .join('')
    .includes(' renamed ');

describe('a field is renamed', () => {
  test.each([['four'], [{ a: 1 }], [[1]]])('where the value %j is its own', (value) => {
    expect(renamed('aaa', 'bbb', value)).toBe(true);
  });

  test.each([['two'], [''], [null], [true], [1]])(
    'where the names share a word, if the value is %j',
    (value) => {
      expect(renamed('aaa', 'bbb', value)).toBe(false);
      expect(renamed('max_tokens', 'Max_completion_length', value)).toBe(true);
      expect(renamed('max_tokens', 'length_of_tokens', value)).toBe(true);
      expect(renamed('top_k', 'k', value)).toBe(false);
      expect(renamed('of_top', 'of_low', value)).toBe(false);
    },
  );

  test('only where the value is the same, and once', () => {
    expect(seen({ max_tokens: 5 }, { max_length: 6 })).toEqual([
      'm.max_tokens dropped',
      'm.max_length added',
    ]);
    expect(seen({ a: 'held', b: 'held' }, { c: 'held' })).toEqual([
      'm.a renamed m.c',
      'm.b dropped',
    ]);
  });
});

test.each<readonly [readonly string[], string, string, string]>([
  [['a', 'b'], 'ab', 'reshaped', ''],
  [['a', 'b'], 'a\nb', 'joined', '\n'],
  [['a', 'b'], 'a\n\nb', 'joined', '\n\n'],
  [['a', 'b'], 'a b', 'joined', ' '],
  [['a', 'b'], 'a\r\nb', 'joined', '\r\n'],
  [['a', 'b'], 'a\tb', 'rewritten', ''],
  [['a'], '', 'dropped', ''],
  [[' '], '', 'dropped', ''],
  [['', ''], ' ', 'joined', ' '],
  [[], 'a', 'rewritten', ''],
  [[' a b '], 'a b', 'trimmed', 'both ends'],
  [['a  '], 'a ', 'trimmed', 'end'],
  [['\n\na'], '\na', 'trimmed', 'start'],
  [['a'], 'a ', 'rewritten', ''],
  [['a b'], 'a', 'rewritten', ''],
  [['a b'], 'b', 'rewritten', ''],
])('the text %j became %j: %s %j', (parts, after, change, detail) => {
  expect(textChange(parts, after)).toEqual({ change, detail });
});

describe('values are the same', () => {
  test('whatever the order of their names', () => {
    expect(same({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 })).toBe(true);
  });

  test.each<readonly [unknown, unknown]>([
    [{ a: 1 }, { b: 1 }],
    [{ a: 1 }, { a: 1, b: 1 }],
    [[1], [1, 2]],
    [[1, 2], [1]],
    [[], {}],
    [null, {}],
    [undefined, null],
    ['1', 1],
    // A name that every object has without its being its own.
    [JSON.parse('{"__proto__":{}}'), { a: 1 }],
    [{ constructor: Object }, { a: 1 }],
  ])('not %j and %j', (a, b) => {
    expect(same(a, b)).toBe(false);
    expect(same(b, a)).toBe(false);
  });
});
