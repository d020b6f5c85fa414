import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changedIds, changedText, restoredIds, restoredText } from './delta.ts';

const TEXT = fc.string({
  unit: fc.constantFrom('a', 'b', '\n', '😀', '\ud83d', 'é'),
  maxLength: 30,
});
const IDS = fc.array(fc.nat(3), { maxLength: 30 });

test('a text is restored from its change, whatever stood before', () => {
  fc.assert(
    fc.property(TEXT, TEXT, (before, text) => {
      expect(restoredText(before, changedText(before, text))).toBe(text);
    }),
  );
});

test('ids are restored from their change, whatever stood before', () => {
  fc.assert(
    fc.property(IDS, IDS, (before, ids) => {
      expect(restoredIds(before, changedIds(before, ids))).toEqual(ids);
    }),
  );
});

test('what is shared at both ends is not stored again', () => {
  expect(changedText('the prompt, cut here <end>', 'the prompt, cut there <end>')).toEqual([
    16,
    10,
    't',
  ]);
  expect(changedIds([1, 2, 3, 4], [1, 2, 9, 3, 4])).toEqual([2, 2, [9]]);
});
