/**
 * Recipe search: which way of resuming is exact, phase by phase. Every strategy is tried with
 * every combination of edits by the prompt check alone, which generates nothing: first at a
 * sample of cuts, then the best of each phase, and the best of all, at every cut.
 */
import type { SeamPlan } from '../checks/seam.ts';
import type { RunRecord } from '../reports/record.ts';
import { EDITS, withEdits, type Edit } from '../seam/edits.ts';
import { EMPTY_VIEW, PHASES, phaseAt, type Phase } from '../seam/generation.ts';
import { applies, type Strategy } from '../seam/strategy.ts';
import type { Subject } from '../seam/subject.ts';
import type { Judge } from './judge.ts';
import { chance } from './random.ts';
import type { Subjects } from './shelf.ts';
import { batchesOf, judgeAll } from './sweep.ts';

/** Cuts of each phase in the sample. */
const SAMPLE = 48;

type Recipe = RunRecord['recipe'];
type Score = Recipe['matrix'][number];

/**
 * Tries candidates with bounded concurrency.
 *
 * @param edits tried with every strategy, alone and together; none to score the strategies as they are
 */
export async function searchRecipe(
  subjects: Subjects,
  strategies: readonly Strategy[],
  judge: Judge,
  concurrency: number,
  seed: number,
  edits: readonly Edit[] = EDITS,
): Promise<Recipe> {
  const score = async (
    candidate: Strategy,
    phase: Phase,
    trials: () => Iterable<Trial>,
  ): Promise<Score> => {
    let tried = 0;
    let exact = 0;
    const plans = function* (): Generator<SeamPlan> {
      for (const { subject, k } of trials()) {
        tried++;
        const view = subject.views[k] ?? EMPTY_VIEW;
        if (!candidate.loses(view) && applies(candidate, subject.generation, view))
          yield { subject, strategy: candidate, k, way: 'disconnect', resume: 'never' };
      }
    };
    await judgeAll(batchesOf(plans()), judge, concurrency, ({ verdict }) => {
      if (verdict === 'exact') exact++;
    });
    return { phase, recipe: candidate.name, tried, exact };
  };
  const samples = sampleOf(subjects, seed);
  const all = candidates(strategies, edits);
  const matrix: Score[] = [];
  for (const candidate of all)
    for (const [phase, trials] of samples) matrix.push(await score(candidate, phase, () => trials));

  const everyCut = async (candidate: Strategy, phase: Phase): Promise<Score> =>
    await score(candidate, phase, () => cutsOf(subjects, phase));
  const everywhere: Score[] = [];
  const best = all.find((candidate) => candidate.name === bestOf(matrix));
  for (const phase of best === undefined ? [] : samples.keys())
    everywhere.push(await everyCut(best as Strategy, phase));
  const byPhase: Score[] = [];
  for (const phase of samples.keys()) {
    const name = bestOf(matrix.filter((cell) => cell.phase === phase));
    const candidate = all.find((one) => one.name === name);
    if (candidate !== undefined) byPhase.push(await everyCut(candidate, phase));
  }
  return { matrix, byPhase, everywhere };
}

/** The recipe that is exact most often; of several the first, and candidates come shortest first. */
function bestOf(scores: readonly Score[]): string | undefined {
  const shares = new Map<string, number>();
  for (const { recipe, exact, tried } of scores)
    shares.set(recipe, (shares.get(recipe) ?? 0) + exact / tried);
  let best: string | undefined;
  for (const [recipe, share] of shares)
    if (share > 0 && (best === undefined || share > (shares.get(best) ?? 0) + 1e-9)) best = recipe;
  return best;
}

/**
 * Strategies alone first, then with one edit, then with more; only messages can be edited. Those
 * that ask in another way than by a streamed chat have no prompt of their own, or none that is told.
 */
function candidates(strategies: readonly Strategy[], edits: readonly Edit[]): Strategy[] {
  const chat = strategies.filter(
    ({ name, needs }) => name !== 'raw-text' && name !== 'token-ids' && needs === undefined,
  );
  const subsets = Array.from({ length: 2 ** edits.length }, (_, bits) =>
    edits.filter((_edit, i) => bits & (1 << i)),
  );
  const edited = subsets
    .toSorted((a, b) => a.length - b.length)
    .flatMap((chosen) =>
      chat
        .filter((strategy) => !chosen.some((edit) => has(strategy, edit)))
        .map((strategy) => withEdits(strategy, chosen)),
    );
  return [...edited, ...strategies.filter((strategy) => strategy.name === 'raw-text')];
}

/** A strategy that the user named may have an edit already. */
function has(strategy: Strategy, edit: Edit): boolean {
  return strategy.name.split('/').slice(1).includes(edit.name);
}

interface Trial {
  readonly subject: Subject;
  readonly k: number;
}

/** All cuts of a phase, in their order. */
function* cutsOf(subjects: Subjects, phase: Phase): Generator<Trial> {
  for (const subject of subjects)
    for (let k = subject.generation.given ?? 0; k < subject.views.length; k++)
      if (phaseAt(subject.generation, k) === phase) yield { subject, k };
}

/** Some cuts of each phase that has any, chosen by the seed alone. */
function sampleOf(subjects: Subjects, seed: number): Map<Phase, Trial[]> {
  const samples = new Map<Phase, Trial[]>();
  for (const phase of PHASES) {
    const chosen: { readonly rank: number; readonly trial: Trial }[] = [];
    for (const trial of cutsOf(subjects, phase)) {
      const rank = chance(seed, 'recipe', trial.subject.generation.scenario.id, trial.k);
      if (chosen.length === SAMPLE && rank >= (chosen.at(-1)?.rank ?? 0)) continue;
      const before = chosen.findIndex((one) => one.rank > rank);
      chosen.splice(before < 0 ? chosen.length : before, 0, { rank, trial });
      chosen.length = Math.min(chosen.length, SAMPLE);
    }
    if (chosen.length > 0)
      samples.set(
        phase,
        chosen.map(({ trial }) => trial),
      );
  }
  return samples;
}
