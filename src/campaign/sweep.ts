/** Sweep: every cut of each scenario, the prompt check first. */
import pLimit from 'p-limit';
import type { SeamPlan, JudgedSeam } from '../checks/seam.ts';
import { EMPTY_VIEW } from '../seam/generation.ts';
import { applies, type Strategy } from '../seam/strategy.ts';
import type { Subject } from '../seam/subject.ts';
import type { Judge } from './judge.ts';
import { chooseCuts, planResumes } from './sample.ts';

export interface SweepOptions {
  readonly strategies: readonly Strategy[];
  /** Test strategies also where they throw away what the client holds. */
  readonly lossy: boolean;
  readonly cuts: 'all' | number;
  readonly compare: number;
  readonly seed: number;
}

export interface SweepPlan {
  readonly seams: readonly SeamPlan[];
  /** Seams left out because the strategy itself loses what the client holds. */
  readonly lossy: number;
  /** Seams left out because the strategy is not made for such a cut. */
  readonly inapplicable: number;
}

/** The seams of one subject, in the order of the journal. */
export function planSweep(subject: Subject, options: SweepOptions): SweepPlan {
  const seams: SeamPlan[] = [];
  let lossy = 0;
  let inapplicable = 0;
  const cuts = chooseCuts(subject.generation, options.cuts, options.seed);
  for (const strategy of options.strategies) {
    const fitting = cuts.filter((k) =>
      applies(strategy, subject.generation, subject.views[k] ?? EMPTY_VIEW),
    );
    inapplicable += cuts.length - fitting.length;
    const possible = options.lossy
      ? fitting
      : fitting.filter((k) => !strategy.loses(subject.views[k] ?? EMPTY_VIEW));
    lossy += fitting.length - possible.length;
    const resumes = planResumes(subject, strategy, possible, options.compare, options.seed);
    for (const k of possible)
      seams.push({ subject, strategy, k, way: 'disconnect', resume: resumes.get(k) ?? 'none' });
  }
  return { seams, lossy, inapplicable };
}

/**
 * Judges seams with bounded concurrency and hands them on in the order of the plan, so that the
 * journal does not depend on timing.
 *
 * @throws what `judge` throws when the run is aborted; seams handed on before stay valid
 */
export async function judgeAll(
  seams: readonly SeamPlan[],
  judge: Judge,
  concurrency: number,
  enter: (seam: JudgedSeam) => void,
): Promise<void> {
  const limit = pLimit(concurrency);
  const ahead = concurrency * 8;
  const waiting: Promise<JudgedSeam>[] = [];
  const active = new Set<Promise<JudgedSeam>>();
  const start = (seam: SeamPlan): Promise<JudgedSeam> => {
    const judged = judge.judge(seam);
    active.add(judged);
    return judged.finally(() => active.delete(judged));
  };
  try {
    for (const seam of seams) {
      const judged = limit(() => start(seam));
      // An abort rejects all at once; the loop meets the first, and the others must not go unheard.
      judged.catch(() => undefined);
      waiting.push(judged);
      if (waiting.length >= ahead) enter(await (waiting.shift() as Promise<JudgedSeam>));
    }
    while (waiting.length > 0) enter(await (waiting.shift() as Promise<JudgedSeam>));
  } finally {
    limit.clearQueue();
    await Promise.allSettled(active);
  }
}
