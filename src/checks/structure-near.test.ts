/** Structured output across a seam, by example: what is told, and what lies just beside it. */
import { describe, expect, test } from 'vitest';
import { checkStructure, isBeginning, startsAnew, structureShape } from './structure.ts';

const FORMAT = {
  name: 'answer',
  schema: {
    type: 'object',
    properties: { city: { type: 'string' }, at: { type: 'array', items: { type: 'number' } } },
    required: ['city'],
    additionalProperties: false,
  },
} as const;

describe('what is wrong', () => {
  test('is told in words', () => {
    expect(checkStructure(FORMAT, '{"city": ', '"Paris"}')).toEqual({
      problem: undefined,
      detail: '',
    });
    expect(checkStructure(FORMAT, '{"city', '{"city": "Paris"}')).toMatchObject({
      problem: 'started-anew',
      detail: expect.stringMatching(/begins the value again/),
    });
    expect(checkStructure(FORMAT, '{"city": ', '"Paris')).toMatchObject({
      problem: 'no-value',
      detail: expect.stringMatching(/no JSON value/),
    });
  });

  test('with a value is told with its place', () => {
    expect(checkStructure(FORMAT, '{"city": "a", "at": [1, ', '"b"]}')).toMatchObject({
      problem: 'misfit',
      detail: expect.stringMatching(/^at\.1: .*number/),
    });
    const { problem, detail } = checkStructure(FORMAT, '[', ']');
    expect(problem).toBe('misfit');
    expect(detail).toMatch(/object/);
    expect(detail.startsWith(':')).toBe(false);
  });
});

describe('a value that is begun again', () => {
  test.each([
    ['an object', '{"a', '{"a": 1}', true],
    ['an object where a value may come', '{"a": ', '{"a": 1}', false],
    ['a list', '[1, 2', '[1, 2]', true],
    ['with whitespace before both', ' {"a', '\n {"a": 1}', true],
    ['only its beginning', '{"a": 1', '{"', true],
    ['another kind of value', '{"a', '[1]', false],
    ['another kind of value where none may come', '{"a": 1', '[1]', false],
    ['a text', '"abc', '"abc"', false],
    ['a list inside a list', '[', '[1]]', false],
    ['what is no value', '{"a', '{b}', false],
    ['behind what is no value', '{a', '{"a": 1}', false],
    ['behind nothing', '', '{"a": 1}', false],
  ])('%s: %j, %j', (_, held, added, anew) => {
    expect(startsAnew(held, added)).toBe(anew);
  });
});

describe('the shape of a resumed answer', () => {
  const WHOLE = '{"city": "Paris", "at": [1, 2]}';
  const shape = (held: string, added: string, finish?: string): unknown =>
    structureShape({ responseFormat: FORMAT }, held, WHOLE, added, finish);

  test('is told with what was expected', () => {
    expect(shape('{"city', '{"city": "Paris"}', 'stop')).toEqual({
      problem: 'json-restarted',
      field: 'content',
      expected: WHOLE.slice(6),
      actual: '{"city": "Paris"}',
    });
    expect(shape('{"city": ', '"Rome', 'stop')).toMatchObject({ problem: 'json-broken' });
    expect(shape('{"city', '{"town": 1}')).toMatchObject({ problem: 'json-restarted' });
  });

  test('is right as far as it is the rest, or another value that fits', () => {
    expect(shape('{"city": ', '"Par')).toBeUndefined();
    expect(shape('{"city": ', '"Par', 'stop')).toBeUndefined();
    expect(shape('{"city": ', '"Rome"}', 'stop')).toBeUndefined();
    expect(shape('{"city": ', '"Rome')).toBeUndefined();
    expect(shape('', 'nonsense', 'stop')).toBeUndefined();
    expect(structureShape({}, '{', WHOLE, 'nonsense', 'stop')).toBeUndefined();
  });

  test('after a colon the beginning shows in its text: eight characters of it, or all there are', () => {
    expect(shape('{"city": ', '{"city": 1')).toMatchObject({ problem: 'json-restarted' });
    expect(shape('{"city": ', '{ "city" : "P')).toMatchObject({ problem: 'json-restarted' });
    expect(shape('{"city": ', '{"ci')).toMatchObject({ problem: 'json-restarted' });
    expect(shape('{"city": ', '{"cited": 1')).toBeUndefined();
    expect(shape('{"city": ', '{"city"x')).toBeUndefined();
  });
});

test.each([
  '',
  ' ',
  '0',
  '-0.5',
  't',
  'tr',
  'true',
  'f',
  'false',
  'n',
  'nu',
  'nul',
  '[true, nul',
  '[0, ',
  '[0]',
  '"\\u00e4',
  '"\\u00e4"',
  '["\\u00e4", "\\n"',
  '"\\u00e',
  '"\\u00e4\\',
  '{}',
  '[]',
  '[{}, {"a": []}]',
])('%j is the beginning of a value', (text) => {
  expect(isBeginning(text)).toBe(true);
});

test('another value than the one that is missing is not the first one again', () => {
  const whole = '{"value":{"value":1}}';
  const shape = (held: string, added: string): string | undefined =>
    structureShape({ responseFormat: FORMAT }, held, whole, added, undefined)?.problem;
  expect(shape('{"value":', '{"value":2}}')).toBeUndefined();
  expect(shape('{"value":{"value":', '{"value":{"value":1}}')).toBe('json-restarted');
  // Of a short text that was cut, white space does not count.
  expect(shape('{"value":{"value":', '{"v')).toBe('json-restarted');
  expect(shape('{"value":{"value":', '{ "v')).toBe('json-restarted');
});

test.each([
  'xtrue',
  'truex',
  '[nulx',
  '01',
  '-x',
  '1.x',
  '"\\x',
  '"\\u00g',
  '{,',
  '[,',
  '[1,]',
  '{]',
  '[}',
  '{} x',
  '{},',
  '[] , 1',
  '{1',
  '[[],]',
  '[{},]',
  '{"a": {},}',
  '{"a":}',
])('%j is not', (text) => {
  expect(isBeginning(text)).toBe(false);
});
