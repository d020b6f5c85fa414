/**
 * The likeliest next tokens at a position, kept as one list of numbers. Every token of a generation
 * has some, and an object for each would be most of what a long generation takes of memory.
 */

/** Asked for at each position, to measure the gap between the two best. */
export const TOP_CANDIDATES = 5;

/** One candidate of a next-token distribution; `logprob` is a natural logarithm. */
export interface Candidate {
  readonly id: number;
  readonly logprob: number;
}

/** Ids and log-probabilities in turns, best first: `[id, logprob, id, logprob, …]`. */
export type Candidates = readonly number[];

/** Candidates, packed. */
export function packed(list: readonly Candidate[]): Candidates {
  return list.flatMap(({ id, logprob }) => [id, logprob]);
}

/** Candidates one by one; the inverse of `packed`. */
export function unpacked(top: Candidates): Candidate[] {
  return Array.from({ length: top.length >> 1 }, (_, i) => ({
    id: top[2 * i] ?? 0,
    logprob: top[2 * i + 1] ?? 0,
  }));
}

/** The log-probability of a token, where it is among the candidates. */
export function logprobIn(top: Candidates | undefined, id: number): number | undefined {
  if (top === undefined) return undefined;
  for (let i = 0; i < top.length; i += 2) if (top[i] === id) return top[i + 1];
  return undefined;
}

/** How much likelier the best candidate is than the next one, in nats. */
export function leadOf(top: Candidates | undefined): number | undefined {
  const [, best, , next] = top ?? [];
  return best === undefined || next === undefined ? undefined : best - next;
}

/** The candidates in order: a list that is not best first is sorted. */
export function bestFirst(top: Candidates): Candidates {
  for (let i = 3; i < top.length; i += 2)
    if ((top[i] ?? 0) > (top[i - 2] ?? 0))
      return packed(unpacked(top).toSorted((a, b) => b.logprob - a.logprob));
  return top;
}
