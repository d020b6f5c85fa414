/** Sweep: every cut of each scenario, the prompt check first. */
import type { SeamPlan, JudgedSeam } from '../checks/seam.ts';
import { EMPTY_VIEW } from '../seam/generation.ts';
import { applies, type Strategy } from '../seam/strategy.ts';
import type { Subject } from '../seam/subject.ts';
import type { Judge } from './judge.ts';
import { LimitedRoom } from './limit.ts';
import { chooseCuts, planResumes } from './sample.ts';
import type { Subjects } from './shelf.ts';

export interface SweepOptions {
  readonly strategies: readonly Strategy[];
  /** Test strategies also where they throw away what the client holds. */
  readonly lossy: boolean;
  readonly cuts: 'all' | number;
  /** 0: prompts alone are compared, and nothing is resumed. */
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
    const { compare, seed } = options;
    const alone = compare === 0;
    const resumes = alone ? undefined : planResumes(subject, strategy, possible, compare, seed);
    for (const k of possible) {
      const resume = alone ? 'never' : (resumes?.get(k) ?? 'none');
      seams.push({ subject, strategy, k, way: 'disconnect', resume });
    }
  }
  return { seams, lossy, inapplicable };
}

/** Counts of what a plan leaves out. */
export type LeftOut = Omit<SweepPlan, 'seams'>;

/**
 * All seams of a sweep in the order of the journal, planned as they are needed.
 *
 * @param tell called with what was left out of each subject's seams
 */
export function* planAll(
  subjects: Subjects,
  realCuts: readonly SeamPlan[],
  options: SweepOptions,
  tell?: (left: LeftOut) => void,
): Generator<SeamPlan> {
  for (const subject of subjects) {
    const { seams, ...left } = planSweep(subject, options);
    tell?.(left);
    yield* seams;
  }
  yield* realCuts;
}

/** Seams of one generation and strategy that are judged together at most. */
const TOGETHER = 128;

/** Divides seams, in their order, into runs of one generation and strategy. */
export function* batchesOf(seams: Iterable<SeamPlan>): Generator<SeamPlan[]> {
  let batch: SeamPlan[] = [];
  for (const seam of seams) {
    const [first] = batch;
    const fits = first?.subject === seam.subject && first.strategy === seam.strategy;
    if (batch.length > 0 && (!fits || batch.length >= TOGETHER)) {
      yield batch;
      batch = [];
    }
    batch.push(seam);
  }
  if (batch.length > 0) yield batch;
}

/** The batches of one of several machines: each goes to the one that has the fewest seams by then. */
export function* shareOf(
  batches: Iterable<SeamPlan[]>,
  shard: { readonly index: number; readonly of: number } | undefined,
): Generator<SeamPlan[]> {
  const seams = Array.from({ length: shard?.of ?? 1 }, () => 0);
  for (const batch of batches) {
    const least = seams.indexOf(Math.min(...seams));
    seams[least] = (seams[least] ?? 0) + batch.length;
    if (least === (shard?.index ?? 1) - 1) yield batch;
  }
}

/**
 * Judges seams with bounded concurrency and hands them on in the order of the plan, so that the
 * journal does not depend on timing.
 *
 * @throws what `judge` throws when the run is aborted; seams handed on before stay valid
 */
export async function judgeAll(
  batches: Iterable<readonly SeamPlan[]>,
  judge: Judge,
  concurrency: number,
  enter: (seam: JudgedSeam) => void,
): Promise<void> {
  const room = new LimitedRoom(concurrency);
  const ahead = Math.max(concurrency * 8, 2 * TOGETHER);
  const waiting: Promise<JudgedSeam>[] = [];
  try {
    for (const batch of batches) {
      const judged = judge.judgeTogether(batch, room);
      // An abort rejects all at once; the loop meets the first, and the others must not go unheard.
      for (const one of judged) one.catch(() => undefined);
      waiting.push(...judged);
      while (waiting.length >= ahead) enter(await (waiting.shift() as Promise<JudgedSeam>));
    }
    while (waiting.length > 0) enter(await (waiting.shift() as Promise<JudgedSeam>));
  } finally {
    await room.empty();
  }
}
