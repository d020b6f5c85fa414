import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Candidates } from '../seam/candidates.ts';
import type { GeneratedToken } from '../seam/generation.ts';
import { checkContinuation } from './continuation.ts';

function token(id: number, top?: Candidates): GeneratedToken {
  return { id, bytes: new Uint8Array(), phase: 'content', ...(top === undefined ? {} : { top }) };
}

/** Expected ids, and those of a resumed stream that tells only some of its tokens. */
const streams = fc
  .array(fc.nat(5), { maxLength: 20 })
  .chain((ids) => fc.tuple(fc.constant(ids), fc.shuffledSubarray(ids.map((_, i) => i + 1))))
  .map(([ids, told]) => ({ ids, places: told.toSorted((a, b) => a - b) }));

test('the same tokens make no flip, whatever the stream hides and wherever it is cut', () => {
  fc.assert(
    fc.property(streams, ({ ids, places }) => {
      const actual = places.map((place) => ({ id: ids[place - 1] ?? -1, place }));
      expect(
        checkContinuation(
          ids.map((id) => token(id)),
          actual,
          places.at(-1) ?? 0,
          false,
        ),
      ).toEqual({
        compared: places.length,
        remaining: ids.length,
        flip: undefined,
      });
    }),
  );
});

test('the first token that differs is the flip, and nothing after it is compared', () => {
  fc.assert(
    fc.property(streams, fc.nat(), ({ ids, places }, nth) => {
      fc.pre(places.length > 0);
      const i = nth % places.length;
      const actual = places.map((place, j) => ({ id: j < i ? (ids[place - 1] ?? -1) : 77, place }));
      const evidence = checkContinuation(
        ids.map((id) => token(id)),
        actual,
        ids.length,
        false,
      );
      const at = (places[i] ?? 0) - 1;
      expect(evidence).toEqual({
        compared: i + 1,
        remaining: ids.length,
        flip: { at, expected: ids[at], actual: 77, gap: undefined },
      });
    }),
  );
});

describe('length', () => {
  const expected = [1, 2, 3].map((id) => token(id));
  const placed = [1, 2, 3, 4].map((id) => ({ id, place: id }));

  test('a stream that ended by itself must be as long', () => {
    expect(checkContinuation(expected, placed.slice(0, 3), 3, true).flip).toBeUndefined();
    expect(checkContinuation(expected, placed.slice(0, 2), 2, true).flip).toMatchObject({
      at: 2,
      expected: 3,
    });
    expect(checkContinuation(expected, [], 5, true).flip).toMatchObject({
      at: 3,
      actual: undefined,
    });
  });

  test('one that was cut off may be shorter', () => {
    expect(checkContinuation(expected, placed.slice(0, 2), 2, false).flip).toBeUndefined();
  });

  test('a token after the end of the uninterrupted run is compared with nothing', () => {
    expect(checkContinuation(expected, placed, 4, false).compared).toBe(3);
  });
});

function candidates(...logprobs: readonly (readonly [number, number])[]): Candidates {
  return logprobs.flat();
}

/** The gap between token 1, as expected, and token 2, as it came. */
function gap(expected: Candidates | undefined, actual: Candidates | undefined): number | undefined {
  const placed = { id: 2, place: 1, ...(actual === undefined ? {} : { top: actual }) };
  return checkContinuation([token(1, expected)], [placed], 1, false).flip?.gap;
}

describe('the gap at a flip', () => {
  test('is the smaller one of the two runs', () => {
    expect(gap(candidates([1, -0.5], [2, -1]), candidates([2, -0.5], [1, -0.75]))).toBe(0.25);
    expect(gap(candidates([1, -0.5], [2, -0.625]), candidates([2, -0.5], [1, -0.75]))).toBe(0.125);
  });

  test('is that of one run where the other does not list both', () => {
    expect(gap(undefined, candidates([2, -0.5], [1, -0.75]))).toBe(0.25);
    expect(gap(candidates([1, -0.5], [2, -1]), candidates([2, -0.5], [3, -0.75]))).toBe(0.5);
  });

  test('is unknown where none does', () => {
    expect(gap(candidates([1, -0.5]), candidates([2, -0.5], [3, -0.75]))).toBeUndefined();
    expect(gap(candidates([2, -0.5]), undefined)).toBeUndefined();
    expect(gap(undefined, candidates([1, -0.5]))).toBeUndefined();
    expect(gap(undefined, undefined)).toBeUndefined();
  });
});
