/**
 * Check 1, prompt: the ids that the server will see for the resume must be the prompt's ids
 * followed by the ids of the kept tokens. It needs no generation.
 * It may stand for any cut of the same class (see `seam/classes.ts`).
 */
import type { CutClass } from '../seam/classes.ts';
import { idsOf, type Generation } from '../seam/generation.ts';

export interface PromptEvidence {
  readonly agrees: boolean;
  /** The cut j of the class that the prompt stands for, or comes nearest to. */
  readonly kept: number;
  /** Prompt ids and ids[:j]. */
  readonly expected: readonly number[];
  readonly actual: readonly number[];
  /** Index of the first id that differs; undefined when they agree. */
  readonly at: number | undefined;
}

/** Compares the ids of a resumed prompt with those of the generation. */
export function checkPrompt(
  generation: Generation,
  cuts: CutClass,
  actual: readonly number[],
): PromptEvidence {
  const base = generation.promptIds.length;
  const longest = [...generation.promptIds, ...idsOf(generation.tokens, 0, cuts.last)];
  const common = commonPrefix(longest, actual);
  const agrees = common === actual.length && actual.length >= base + cuts.first;
  const kept = Math.max(cuts.first, common - base);
  const expected = longest.slice(0, base + kept);
  return {
    agrees,
    kept,
    expected,
    actual,
    at: agrees ? undefined : Math.min(common, expected.length),
  };
}

/** How many leading elements two lists share. */
export function commonPrefix(a: readonly number[], b: readonly number[]): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return i;
}
