import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { asBytes } from './json.ts';
import { Pieces } from './pieces.ts';

const value = fc.oneof(
  fc.array(fc.oneof(fc.nat(3), fc.nat(255)), { maxLength: 3 }),
  fc.constantFrom(null, undefined, 'x', [1.5], ['1'], [300]),
);

test('bytes are those that are told, whatever was told of the same id before', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), value), { maxLength: 40 }), (told) => {
      const pieces = new Pieces();
      for (const [id, bytes] of told) expect(pieces.read(id, bytes)).toEqual(asBytes(bytes));
    }),
  );
});

test('the same bytes of the same token are one array', () => {
  const pieces = new Pieces();
  expect(pieces.read(7, [1, 2])).toBe(pieces.read(7, [1, 2]));
});
