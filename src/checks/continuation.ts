/**
 * Check 2, continuation: the resumed ids must be those that the uninterrupted run has after the
 * cut. Comparing stops at the first flip: what follows a flip is another text.
 */
import { logprobIn, type Candidates } from '../seam/candidates.ts';
import type { GeneratedToken } from '../seam/generation.ts';

/** A token with its place in the resumed stream, 1 for the first. */
interface Placed {
  readonly id: number;
  readonly place: number;
  readonly top?: Candidates;
}

/** Where the resumed run leaves the uninterrupted one. */
export interface Flip {
  /** Index into the resumed tokens: 0 for the first. */
  readonly at: number;
  readonly expected: number | undefined;
  readonly actual: number | undefined;
  /**
   * How much likelier the winner is than the loser, in nats: the smaller of the two runs' own
   * gaps. Undefined when neither lists both candidates.
   */
  readonly gap: number | undefined;
}

export interface ContinuationEvidence {
  /** Positions where both ids are known and were compared. */
  readonly compared: number;
  /** Tokens after the cut in the uninterrupted run. */
  readonly remaining: number;
  readonly flip: Flip | undefined;
}

/**
 * Compares resumed tokens with those expected after the cut.
 *
 * @param expected all tokens after the cut, the end-of-generation token included
 * @param actual the tokens that are known of the resumed run, in order of their places
 * @param generated how many tokens the resumed run generated
 * @param complete true when both runs ended by themselves, so that another length is a flip
 */
export function checkContinuation(
  expected: readonly GeneratedToken[],
  actual: readonly Placed[],
  generated: number,
  complete: boolean,
): ContinuationEvidence {
  let compared = 0;
  for (const token of actual) {
    const wanted = expected[token.place - 1];
    if (wanted === undefined) break;
    compared++;
    if (wanted.id !== token.id)
      return {
        compared,
        remaining: expected.length,
        flip: {
          at: token.place - 1,
          expected: wanted.id,
          actual: token.id,
          gap: gapOf(wanted, token),
        },
      };
  }
  const short = complete && generated !== expected.length;
  return {
    compared,
    remaining: expected.length,
    flip: short
      ? {
          at: Math.min(generated, expected.length),
          expected: expected[generated]?.id,
          actual: undefined,
          gap: undefined,
        }
      : undefined,
  };
}

function gapOf(expected: GeneratedToken, actual: Placed): number | undefined {
  const gaps = [
    gapIn(expected.top, expected.id, actual.id),
    gapIn(actual.top, actual.id, expected.id),
  ].filter((gap) => gap !== undefined);
  return gaps.length === 0 ? undefined : Math.min(...gaps);
}

function gapIn(top: Candidates | undefined, winner: number, loser: number): number | undefined {
  const first = logprobIn(top, winner);
  const second = logprobIn(top, loser);
  return first === undefined || second === undefined ? undefined : Math.abs(first - second);
}
