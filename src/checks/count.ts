/**
 * Check 1 in its weak form, for servers that tell nothing of a prompt but its number of tokens: a
 * resumed prompt must have those of the prompt and those that were kept. A wrong prompt of the
 * right length is not noticed.
 */
import type { Generation } from '../seam/generation.ts';

export interface CountEvidence {
  readonly agrees: boolean;
  /** Tokens of the prompt before the cut. */
  readonly base: number;
  /** Tokens that the resumed prompt must have: hidden ones (think tags, the end) may be among the kept. */
  readonly least: number;
  readonly most: number;
  readonly actual: number;
}

/** Hidden tokens of a generation up to which its pieces are taken for tokens. */
const MOST_HIDDEN = 12;

/**
 * Compares the number of tokens of a resumed prompt with that of the prompt and the `k` kept ones;
 * undefined where the server does not tell enough, or tells that its pieces are no tokens.
 */
export function checkCount(
  { counts, length, finish }: Pick<Generation, 'counts' | 'length' | 'finish'>,
  k: number,
  actual: number | undefined,
): CountEvidence | undefined {
  if (counts?.prompt === undefined || counts.generated === undefined || actual === undefined)
    return undefined;
  const hidden = counts.generated - length;
  if (hidden < 0 || hidden > MOST_HIDDEN) return undefined;
  const least = counts.prompt + k;
  // The end of generation is generated, and never kept.
  const most = least + (finish === 'length' ? hidden : Math.max(0, hidden - 1));
  return { agrees: actual >= least && actual <= most, base: counts.prompt, least, most, actual };
}
