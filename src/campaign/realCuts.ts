/**
 * Confirms derived views: a few cuts are really made, in every way, and what the client then
 * holds is compared with what was derived from the uninterrupted stream. Where it differs, the
 * seam is judged with what the client really held.
 */
import type { SeamPlan } from '../checks/seam.ts';
import type { Target } from '../dialects/dialect.ts';
import { messageOf } from '../errors.ts';
import { canCut, cutEndedAsMeant, cutForReal, WAYS, type Way } from '../seam/cut.ts';
import type { View } from '../seam/generation.ts';
import { applies, type Strategy } from '../seam/strategy.ts';
import type { Subject } from '../seam/subject.ts';
import { sameView } from '../seam/view.ts';
import { describeEnd } from '../wire/end.ts';
import { chance } from './random.ts';
import type { Subjects } from './shelf.ts';

export interface RealCutTotals {
  tried: number;
  asDerived: number;
  /** Cuts that failed or ended otherwise than meant, one line each. */
  readonly trouble: string[];
  /** Seams whose view is not the derived one. */
  readonly seams: SeamPlan[];
}

/**
 * Really makes one cut of each way in each scenario.
 *
 * @param lossy judge strategies also where they throw away what the client holds
 */
export async function confirmViews(
  target: Target,
  subjects: Subjects,
  strategies: readonly Strategy[],
  compare: number,
  seed: number,
  signal: AbortSignal,
  lossy: boolean,
): Promise<RealCutTotals> {
  const totals: RealCutTotals = { tried: 0, asDerived: 0, trouble: [], seams: [] };
  for (const subject of subjects) {
    // What was begun by the client is no stream that could be cut.
    if (subject.generation.given !== undefined) continue;
    for (const way of WAYS) {
      const k = chooseCut(subject, way, seed);
      if (k === undefined) continue;
      const view = await reallyCut(target, subject, k, way, totals, signal);
      if (view === undefined || sameView(view, subject.views[k] ?? view)) continue;
      if (!isPrefix(view, subject.views.at(-1) ?? view)) {
        totals.trouble.push(
          `${subject.generation.scenario.id}, ${way} after ${k} tokens: the run that was cut is another one than before`,
        );
        continue;
      }
      for (const strategy of strategies)
        if (applies(strategy, subject.generation, view) && (lossy || !strategy.loses(view)))
          totals.seams.push({ subject, strategy, k, way, view, resume: compare });
    }
  }
  return totals;
}

async function reallyCut(
  target: Target,
  { generation, views }: Subject,
  k: number,
  way: Way,
  totals: RealCutTotals,
  signal: AbortSignal,
): Promise<View | undefined> {
  totals.tried++;
  const where = `${generation.scenario.id}, ${way} after ${k} tokens`;
  try {
    const cut = await cutForReal(target, generation, k, way, signal);
    if (!cutEndedAsMeant(cut, k, way)) {
      totals.trouble.push(`${where}: the stream ${describeEnd(cut.end)}`);
      return undefined;
    }
    const derived = views[k];
    if (derived !== undefined && sameView(cut.view, derived)) totals.asDerived++;
    return cut.view;
  } catch (error) {
    if (signal.aborted) throw error;
    totals.trouble.push(`${where}: ${messageOf(error)}`);
    return undefined;
  }
}

/** True when a view can be the beginning of the whole message. */
export function isPrefix(view: View, whole: View): boolean {
  return (
    whole.reasoning.startsWith(view.reasoning) &&
    whole.content.startsWith(view.content) &&
    view.toolCalls.every(
      (call, i) => whole.toolCalls[i]?.arguments.startsWith(call.arguments) === true,
    )
  );
}

function chooseCut({ generation }: Subject, way: Way, seed: number): number | undefined {
  const start = Math.floor(
    chance(seed, 'real', generation.scenario.id, way) * (generation.length + 1),
  );
  for (let i = 0; i <= generation.length; i++) {
    const k = (start + i) % (generation.length + 1);
    if (canCut(generation, k, way)) return k;
  }
  return undefined;
}
