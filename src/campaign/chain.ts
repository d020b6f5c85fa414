/**
 * A chain: several pauses in one generation. Each resume is really generated up to the next cut,
 * and sent back as a client would: what it held before and what the resumed stream added.
 */
import type { JudgedSeam } from '../checks/seam.ts';
import type { Target } from '../dialects/dialect.ts';
import { canCut, cutForReal, type Way } from '../seam/cut.ts';
import type { View } from '../seam/generation.ts';
import { deltasWithin, stitchView } from '../seam/stitch.ts';
import { applies, type Strategy } from '../seam/strategy.ts';
import type { Subject } from '../seam/subject.ts';
import { troubled, unjudged, type Judge } from './judge.ts';
import { isPrefix } from './realCuts.ts';

export interface Pause {
  readonly k: number;
  readonly way: Way;
}

/** Puts pauses into order, inside the generation, and each in a way that is possible there. */
export function normalizePauses(subject: Subject, pauses: readonly Pause[]): Pause[] {
  const { generation } = subject;
  const byCut = new Map<number, Way>();
  for (const { k, way } of pauses) {
    const inside = k % (generation.length + 1);
    byCut.set(inside, canCut(generation, inside, way) ? way : 'disconnect');
  }
  return [...byCut].map(([k, way]) => ({ k, way })).toSorted((a, b) => a.k - b.k);
}

/** Judges every seam of a chain, until one fails. The last resume runs to the end. */
export async function judgeChain(
  target: Target,
  judge: Judge,
  subject: Subject,
  strategy: Strategy,
  pauses: readonly Pause[],
  signal: AbortSignal,
): Promise<JudgedSeam[]> {
  const judged: JudgedSeam[] = [];
  const first = pauses[0];
  if (first === undefined) return judged;
  let view: View;
  try {
    view = (await cutForReal(target, subject.generation, first.k, first.way, signal)).view;
  } catch (error) {
    if (signal.aborted) throw error;
    const failed = troubled({ subject, strategy, ...first, resume: 'none' }, error);
    return [
      failed.verdict === 'rejected'
        ? { ...failed, verdict: 'error', error: failed.refusal?.message ?? '' }
        : failed,
    ];
  }
  const whole = subject.views.at(-1);
  if (whole !== undefined && !isPrefix(view, whole))
    return [{ ...unjudged({ subject, strategy, ...first, resume: 'none' }), verdict: 'unstable' }];
  for (const [i, { k, way }] of pauses.entries()) {
    if (strategy.loses(view) || !applies(strategy, subject.generation, view)) break;
    const next = pauses[i + 1];
    const seam = await judge.judge({
      subject,
      strategy,
      k,
      way,
      view,
      resume: next === undefined ? 'whole' : next.k - k,
      ...(next === undefined ? {} : { endBy: next.way, until: next.k }),
    });
    judged.push(seam);
    if (seam.verdict !== 'exact' || next === undefined || seam.answer === undefined) break;
    const reach = next.k - (seam.prompt?.kept ?? k);
    const { deltas } = seam.answer;
    view = stitchView(view, next.way === 'disconnect' ? deltasWithin(deltas, reach) : deltas);
  }
  return judged;
}
