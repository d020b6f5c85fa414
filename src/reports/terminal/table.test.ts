import { expect, test } from 'vitest';
import { table } from './table.ts';

test('the first column is on the left, the others are on the right', () => {
  expect(table([['phase', 'seams'], ['a', '1'], ['opening', '10'], ['x']])).toEqual([
    'phase    seams',
    'a            1',
    'opening     10',
    'x',
  ]);
  expect(table([])).toEqual([]);
});
