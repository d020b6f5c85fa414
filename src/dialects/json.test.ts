import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { asArray, asBytes, asIds, asNumber, asObject, asString, parseEvent } from './json.ts';

test('a reader gives the value when it is of its kind, and else nothing', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
      expect(asObject(value)).toBe(isObject ? value : undefined);
      expect(asArray(value)).toEqual(Array.isArray(value) ? value : []);
      expect(asString(value)).toBe(typeof value === 'string' ? value : undefined);
      expect(asNumber(value)).toBe(typeof value === 'number' ? value : undefined);
      expect(parseEvent(JSON.stringify(value))).toEqual(
        isObject ? JSON.parse(JSON.stringify(value)) : undefined,
      );
    }),
  );
});

/** An object with so many lists inside one another. */
function nested(levels: number): string {
  return `{"a":${'['.repeat(levels)}1${']'.repeat(levels)}}`;
}

test('an event that is nested too deeply is none', () => {
  expect(parseEvent(nested(499))).toBeDefined();
  for (const levels of [500, 20_000, 1_000_000]) expect(parseEvent(nested(levels))).toBeUndefined();
});

test('ids are whole numbers, all of them', () => {
  expect(asIds([1, 2, 3])).toEqual([1, 2, 3]);
  for (const value of [[1, 2.5], [1, '2'], [1, null], 'x', undefined, [2 ** 60]])
    expect(asIds(value)).toBeUndefined();
  expect(asBytes([0, 255])).toEqual(Uint8Array.of(0, 255));
  expect(asBytes(null)).toEqual(new Uint8Array());
});

test('numbers are finite', () => {
  for (const value of [NaN, Infinity, '1']) expect(asNumber(value)).toBeUndefined();
});

test('what is no JSON is no event', () => {
  for (const text of ['', '{"a":', "{'a': 1}", 'data: {}', '[DONE]'])
    expect(parseEvent(text)).toBeUndefined();
});
