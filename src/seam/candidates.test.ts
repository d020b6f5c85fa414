import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bestFirst, leadOf, logprobIn, packed, unpacked, type Candidate } from './candidates.ts';

const LOGPROB = fc.double({ min: -40, max: 0, noNaN: true });
const LIST: fc.Arbitrary<Candidate[]> = fc.uniqueArray(
  fc.record({ id: fc.nat(1 << 20), logprob: LOGPROB }),
  { selector: ({ id }) => id, maxLength: 8 },
);

test('candidates are packed and unpacked as they are', () => {
  fc.assert(
    fc.property(LIST, (list) => {
      expect(unpacked(packed(list))).toEqual(list);
      expect(packed(list)).toHaveLength(2 * list.length);
    }),
  );
});

test('a log-probability is found by its id, and never another id or a log-probability for one', () => {
  fc.assert(
    fc.property(LIST, fc.nat(1 << 20), (list, other) => {
      const top = packed(list);
      for (const { id, logprob } of list) expect(logprobIn(top, id)).toBe(logprob);
      const known = list.find(({ id }) => id === other)?.logprob;
      expect(logprobIn(top, other)).toBe(known);
    }),
  );
  expect(logprobIn([7, 0, 8, -3], 0)).toBeUndefined();
  expect(logprobIn(undefined, 7)).toBeUndefined();
});

test('the best comes first, equal ones in their order', () => {
  fc.assert(
    fc.property(LIST, (list) => {
      const sorted = list.toSorted((a, b) => b.logprob - a.logprob);
      expect(unpacked(bestFirst(packed(list)))).toEqual(sorted);
    }),
  );
});

test('the lead is that of the best over the next', () => {
  expect(leadOf([3, -0.5, 4, -0.75, 5, -9])).toBe(0.25);
  expect(leadOf([3, -0.5])).toBeUndefined();
  expect(leadOf([])).toBeUndefined();
  expect(leadOf(undefined)).toBeUndefined();
});
