/**
 * The search of a bisection: between two builds that are known to differ, find two neighbours that
 * do. Builds that cannot be tested are skipped; only if such builds alone are left between the two
 * ends is the answer a range.
 */

/** `left`: like the first build of the list; `right`: like the last one; `skip`: not testable. */
export type Side = 'left' | 'right' | 'skip';

/** Where the change is. */
export interface Boundary {
  /** Index of the last build found to be like the first one. */
  readonly left: number;
  /** Index of the first build found to be like the last one. */
  readonly right: number;
  /** Indexes between the two; all were skipped. Empty: the two are neighbours. */
  readonly skipped: readonly number[];
}

/**
 * Tests builds until only one step is left, or nothing but skipped builds.
 *
 * Each test takes the middle one of the builds between the ends that were not tested yet, so that
 * of m builds and s skips at most s + ⌊log₂ m⌋ + 1 are tested, whatever the pattern. If the builds
 * change more than once, one of the changes is found.
 *
 * @param count builds, oldest first; the first and the last are known and not tested here
 */
export async function searchBoundary(
  count: number,
  test: (index: number) => Promise<Side>,
): Promise<Boundary> {
  if (count < 2) throw new RangeError('two builds at least');
  let left = 0;
  let right = count - 1;
  let open = Array.from({ length: count - 2 }, (_, i) => i + 1);
  while (open.length > 0) {
    const index = open[Math.floor(open.length / 2)] ?? 0;
    const side = await test(index);
    if (side === 'left') left = index;
    if (side === 'right') right = index;
    open = open.filter((other) => other > left && other < right && other !== index);
  }
  const skipped = Array.from({ length: right - left - 1 }, (_, i) => left + 1 + i);
  return { left, right, skipped };
}
