/**
 * Lists and texts as what changed since the one before. Prompts of neighbouring cuts share almost
 * everything, so that a tape of them stays small.
 */

/** Equal elements at the start and at the end, and what stands between them. */
export type Change<T> = readonly [start: number, end: number, middle: T];

export function changedText(before: string, text: string): Change<string> {
  const [start, end] = shared(before, text);
  return [start, end, text.slice(start, text.length - end)];
}

export function restoredText(before: string, [start, end, middle]: Change<string>): string {
  return before.slice(0, start) + middle + before.slice(before.length - end);
}

export function changedIds(
  before: readonly number[],
  ids: readonly number[],
): Change<readonly number[]> {
  const [start, end] = shared(before, ids);
  return [start, end, ids.slice(start, ids.length - end)];
}

export function restoredIds(
  before: readonly number[],
  [start, end, middle]: Change<readonly number[]>,
): number[] {
  return [...before.slice(0, start), ...middle, ...before.slice(before.length - end)];
}

/** How many elements two sequences share at their start, and of the rest at their end. */
function shared(a: ArrayLike<unknown>, b: ArrayLike<unknown>): [number, number] {
  const most = Math.min(a.length, b.length);
  let start = 0;
  while (start < most && a[start] === b[start]) start++;
  let end = 0;
  while (end < most - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return [start, end];
}
