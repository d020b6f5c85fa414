/**
 * Check 4, distribution: how far a resume moves the next token's probabilities from where the
 * token control has them. Servers tell the likeliest candidates only, so both numbers are lower
 * bounds: of a candidate that one list lacks no more is known than that it is not likelier than
 * the last one listed.
 */
import { unpacked, type Candidates } from '../seam/candidates.ts';

export interface Divergence {
  /** Kullback-Leibler divergence of the resumed distribution from the control's, in nats, at least. */
  readonly kl: number;
  /** Total variation distance, 0 to 1, at least. */
  readonly tv: number;
}

/** Both lists best first; undefined when one is empty. */
export function divergence(control: Candidates, resumed: Candidates): Divergence | undefined {
  if (control.length === 0 || resumed.length === 0) return undefined;
  const [p, q] = [probabilities(control), probabilities(resumed)];
  const [pMost, qMost] = [least(p), least(q)];
  let [kl, lost, gained, pKnown, qKnown] = [0, 0, 0, 0, 0];
  for (const [id, share] of p) {
    const other = q.get(id);
    kl += share * Math.log(share / (other ?? qMost));
    lost += Math.max(0, share - (other ?? qMost));
    pKnown += share;
    qKnown += other ?? 0;
  }
  for (const [id, share] of q) gained += Math.max(0, share - (p.get(id) ?? pMost));
  const [pRest, qRest] = [Math.max(0, 1 - pKnown), Math.max(0, 1 - qKnown)];
  if (pRest > 0 && qRest > 0) kl += pRest * Math.log(pRest / qRest);
  return { kl: Math.max(0, kl), tv: Math.min(1, Math.max(lost, gained)) };
}

function probabilities(candidates: Candidates): Map<number, number> {
  return new Map(
    unpacked(candidates).flatMap(({ id, logprob }): [number, number][] => {
      const share = Math.min(1, Math.exp(logprob));
      return share > 0 ? [[id, share]] : [];
    }),
  );
}

function least(shares: ReadonlyMap<number, number>): number {
  return Math.min(...shares.values(), 1);
}
