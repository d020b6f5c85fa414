import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkCount } from './count.ts';

const counts = fc.record({ base: fc.nat({ max: 1000 }), length: fc.integer({ min: 1, max: 500 }) });

test('what was kept, with any of the hidden tokens but the end, agrees; one token more or less does not', () => {
  fc.assert(
    fc.property(
      counts,
      fc.integer({ min: 1, max: 12 }),
      fc.nat(),
      ({ base, length }, hidden, at) => {
        const k = at % (length + 1);
        const generation = {
          length,
          finish: 'stop',
          counts: { prompt: base, generated: length + hidden },
        };
        const agrees = (actual: number): boolean | undefined =>
          checkCount(generation, k, actual)?.agrees;
        for (let more = 0; more < hidden; more++) expect(agrees(base + k + more)).toBe(true);
        expect(agrees(base + k - 1)).toBe(false);
        expect(agrees(base + k + hidden)).toBe(false);
      },
    ),
  );
});

test('a run that was cut by its limit has no end that is hidden', () => {
  const generation = { length: 10, finish: 'length', counts: { prompt: 5, generated: 10 } };
  expect(checkCount(generation, 4, 9)).toEqual({
    agrees: true,
    base: 5,
    least: 9,
    most: 9,
    actual: 9,
  });
  expect(checkCount(generation, 4, 10)?.agrees).toBe(false);
  // Then all that is hidden may be among the kept, and nothing of it is the end.
  const hiding = { ...generation, counts: { prompt: 5, generated: 12 } };
  expect(checkCount(hiding, 4, 11)).toMatchObject({ agrees: true, least: 9, most: 11 });
  expect(checkCount(hiding, 4, 12)?.agrees).toBe(false);
});

test('without hidden tokens the end is none of them, and the number is exact', () => {
  const generation = { length: 10, finish: 'stop', counts: { prompt: 5, generated: 10 } };
  expect(checkCount(generation, 4, 9)).toMatchObject({ agrees: true, least: 9, most: 9 });
});

test('more hidden tokens than tags have are a server whose pieces are no tokens', () => {
  const known = { length: 10, finish: 'stop' };
  expect(checkCount({ ...known, counts: { prompt: 5, generated: 22 } }, 4, 9)?.most).toBe(20);
  expect(checkCount({ ...known, counts: { prompt: 5, generated: 23 } }, 4, 9)).toBeUndefined();
});

test('nothing is said where the counts are not told, or the pieces are no tokens', () => {
  const known = { length: 10, finish: 'stop', counts: { prompt: 5, generated: 11 } };
  expect(checkCount(known, 4, undefined)).toBeUndefined();
  expect(checkCount({ ...known, counts: undefined }, 4, 9)).toBeUndefined();
  for (const generated of [undefined, 9, 40])
    expect(checkCount({ ...known, counts: { prompt: 5, generated } }, 4, 9)).toBeUndefined();
  expect(
    checkCount({ ...known, counts: { prompt: undefined, generated: 11 } }, 4, 9),
  ).toBeUndefined();
});
