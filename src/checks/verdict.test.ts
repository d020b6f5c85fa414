import { expect, test } from 'vitest';
import { FAILING, VERDICTS, verdictOf, worse, type FlipFacts } from './verdict.ts';

const TAU = 0.1;

/** What a flip makes of a seam: its prompt and shape hold, or only the first, only the second, or none. */
const TABLE: readonly (readonly [name: string, flip: FlipFacts | undefined, verdicts: string])[] = [
  ['no flip', undefined, 'exact diverged drift diverged'],
  ['far apart', { gap: 0.2, controlExact: true }, 'diverged diverged diverged diverged'],
  ['gap unknown', { gap: undefined, controlExact: true }, 'diverged diverged diverged diverged'],
  ['near tie', { gap: 0.05, controlExact: true }, 'unstable diverged drift diverged'],
  ['a tie of just τ', { gap: TAU, controlExact: true }, 'unstable diverged drift diverged'],
  ['control flips too', { gap: 0.2, controlExact: false }, 'unstable diverged drift diverged'],
  [
    'control flips, near tie',
    { gap: 0.05, controlExact: false },
    'unstable diverged drift diverged',
  ],
  [
    'control flips, gap unknown',
    { gap: undefined, controlExact: false },
    'unstable diverged drift diverged',
  ],
];

test.each(TABLE)('verdicts: %s', (_, flip, verdicts) => {
  const all = [true, false].flatMap((prompt) =>
    [true, false].map((shape) => verdictOf(prompt, flip, shape, TAU)),
  );
  expect(all.join(' ')).toBe(verdicts);
});

test('without noise only an exact tie is a near tie', () => {
  expect(verdictOf(true, { gap: 0, controlExact: true }, true, 0)).toBe('unstable');
  expect(verdictOf(true, { gap: 1e-9, controlExact: true }, true, 0)).toBe('diverged');
});

test('of two verdicts the worse one is the same in either order, and one of the two', () => {
  for (const a of VERDICTS)
    for (const b of VERDICTS) {
      expect(worse(a, b)).toBe(worse(b, a));
      expect([a, b]).toContain(worse(a, b));
      expect(worse(a, 'exact')).toBe(a);
      expect(worse(a, 'diverged')).toBe('diverged');
    }
});

test('an error and an unstable seam make no finding', () => {
  expect([...FAILING].toSorted()).toEqual(['diverged', 'drift', 'rejected']);
});
