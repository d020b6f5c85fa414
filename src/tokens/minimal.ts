/** A failing cut made small: the fewest ids around it that fail in the same way. */
import type { RoundTripClass } from './roundTripClass.ts';
import { finish, sweep } from './sweep.ts';
import type { LocalTokenizer } from './tokenizer.ts';

/** A failure that stands for itself: `ids` and `k` are all that it takes to see it. */
export interface MinimalFailure {
  readonly ids: readonly number[];
  /** Ids kept at the cut. */
  readonly k: number;
  /** What encoding the text of the kept ids gives. */
  readonly actual: readonly number[];
}

/** What failed, and where. */
export interface FailingCut {
  readonly k: number;
  readonly class: RoundTripClass;
  readonly nonCanonical: boolean;
}

/** Ids before and after the cut that are tried in every combination. */
const NEAR_BEFORE = 20;
const NEAR_AFTER = 6;
/** Beyond these the text before the cut is doubled each time, up to so many ids. */
const FAR_BEFORE = 640;
/** UTF-16 units that one attempt may encode. */
const BUDGET = 200_000;

/**
 * Looks for the shortest run of ids around a failing cut that fails there by itself, for the same
 * reason: what the cut did is undone by the ids after it, what the ids did is not.
 *
 * @returns undefined when no run of up to some hundred ids does
 */
export function minimalFailure(
  tokenizer: LocalTokenizer,
  ids: readonly number[],
  cut: FailingCut,
): MinimalFailure | undefined {
  for (const [before, after] of windows(cut.k, ids.length - cut.k)) {
    const part = ids.slice(cut.k - before, cut.k + after);
    if (!failsAlike(tokenizer, part, before, cut)) continue;
    const kept = part.slice(0, before);
    return { ids: part, k: before, actual: tokenizer.encode(tokenizer.decode(kept)) };
  }
  return undefined;
}

/** How many ids to take before and after a cut, smallest windows first. */
function* windows(before: number, after: number): Generator<[number, number]> {
  const [nearBefore, nearAfter] = [Math.min(before, NEAR_BEFORE), Math.min(after, NEAR_AFTER)];
  for (let size = 0; size <= nearBefore + nearAfter; size++)
    for (let rest = Math.max(0, size - nearBefore); rest <= Math.min(size, nearAfter); rest++)
      yield [size - rest, rest];
  for (let taken = nearBefore; taken < Math.min(before, FAR_BEFORE);) {
    taken = Math.min(taken * 2, before, FAR_BEFORE);
    yield [taken, nearAfter];
  }
}

function failsAlike(
  tokenizer: LocalTokenizer,
  ids: readonly number[],
  k: number,
  cut: FailingCut,
): boolean {
  const { failures } = finish(sweep(tokenizer, ids, { wanted: new Set([k]), budget: BUDGET }));
  return failures.some(
    (failure) => failure.class === cut.class && failure.nonCanonical === cut.nonCanonical,
  );
}
