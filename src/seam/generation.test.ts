import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { generations } from './fixtures.test-help.ts';
import { bytesOf, idsOf } from './generation.ts';

test('the parts of a generation joined are the whole', () => {
  fc.assert(
    fc.property(generations, fc.nat(40), ({ tokens }, k) => {
      expect([...idsOf(tokens, 0, k), ...idsOf(tokens, k)]).toEqual(idsOf(tokens));
      expect(Buffer.concat([bytesOf(tokens, 0, k), bytesOf(tokens, k)])).toEqual(
        Buffer.from(bytesOf(tokens)),
      );
    }),
  );
});
