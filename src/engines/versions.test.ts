import fc from 'fast-check';
import { expect, test } from 'vitest';
import { versionsBetween } from './versions.ts';

const names = fc
  .uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', '1', '.'), minLength: 1 }), {
    minLength: 2,
    maxLength: 20,
  })
  .chain((all) => fc.tuple(fc.constant(all), fc.nat(all.length - 1), fc.nat(all.length - 1)));

test('both ends, what lies between, in the order of the list, whichever end comes first', () => {
  fc.assert(
    fc.property(names, ([all, i, j]) => {
      fc.pre(i !== j);
      const [a, b] = [all[i] ?? '', all[j] ?? ''];
      const between = versionsBetween(all, a, b);
      expect(between).toEqual(versionsBetween(all, b, a));
      expect(between).toHaveLength(Math.abs(i - j) + 1);
      expect(new Set([between[0], between.at(-1)])).toEqual(new Set([a, b]));
      expect(between).toEqual(all.filter((name) => between.includes(name)));
    }),
  );
});

test('a build that nobody published: the nearest are named', () => {
  const all = ['2026.4.8672', '2026.4.8929', '2026.5.9093', '2026.10.11549'];
  expect(() => versionsBetween(all, '2026.5.9000', '2026.10.11549')).toThrow(
    'there is no build 2026.5.9000',
  );
  try {
    versionsBetween(all, '2026.5.9000', '2026.10.11549');
  } catch (error) {
    expect((error as { hint?: string }).hint).toContain('2026.4.8929, 2026.5.9093');
  }
  expect(() => versionsBetween(all, all[0] ?? '', all[0] ?? '')).toThrow('the same');
});
