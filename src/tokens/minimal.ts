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
 * @param header - ids that stand before the others and are not counted in the cut's `k`; the run
 *   may begin among them
 * @returns undefined when no run of up to some hundred ids does
 */
export function minimalFailure(
  tokenizer: LocalTokenizer,
  header: readonly number[],
  ids: readonly number[],
  cut: FailingCut,
): MinimalFailure | undefined {
  for (const [before, after] of windows(header.length + cut.k, ids.length - cut.k)) {
    const lead = Math.max(0, before - cut.k);
    const prompt = lead === 0 ? [] : header.slice(-lead);
    const k = before - lead;
    const part = ids.slice(cut.k - k, cut.k + after);
    if (!failsAlike(tokenizer, prompt, part, { ...cut, k })) continue;
    const all = [...prompt, ...part];
    const actual = tokenizer.encode(tokenizer.decode(all.slice(0, before)));
    return { ids: all, k: before, actual };
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
  if (before + after <= FAR_BEFORE) yield [before, after];
}

function failsAlike(
  tokenizer: LocalTokenizer,
  header: readonly number[],
  ids: readonly number[],
  cut: FailingCut,
): boolean {
  const { failures } = finish(
    sweep(tokenizer, ids, { header, wanted: new Set([cut.k]), budget: BUDGET }),
  );
  return failures.some(
    (failure) => failure.class === cut.class && failure.nonCanonical === cut.nonCanonical,
  );
}
