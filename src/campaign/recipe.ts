/**
 * Recipe search: which way of resuming is exact, phase by phase. Every strategy is tried with
 * every combination of edits by the prompt check alone, which generates nothing: first at a
 * sample of cuts, then the best of each phase, and the best of all, at every cut.
 */
import pLimit from 'p-limit';
import type { RunRecord } from '../reports/record.ts';
import { EDITS, withEdits, type Edit } from '../seam/edits.ts';
import { EMPTY_VIEW, PHASES, phaseAt, type Phase } from '../seam/generation.ts';
import { applies, type Strategy } from '../seam/strategy.ts';
import type { Subject } from '../seam/subject.ts';
import type { Judge } from './judge.ts';
import { chance } from './random.ts';

/** Cuts of each phase in the sample. */
const SAMPLE = 48;

type Recipe = RunRecord['recipe'];
type Score = Recipe['matrix'][number];

interface Trial {
  readonly subject: Subject;
  readonly k: number;
}

/**
 * Tries candidates with bounded concurrency.
 *
 * @param edits tried with every strategy, alone and together; none to score the strategies as they are
 */
export async function searchRecipe(
  subjects: readonly Subject[],
  strategies: readonly Strategy[],
  judge: Judge,
  concurrency: number,
  seed: number,
  edits: readonly Edit[] = EDITS,
): Promise<Recipe> {
  const limit = pLimit(concurrency);
  const score = async (
    candidate: Strategy,
    phase: Phase,
    trials: readonly Trial[],
  ): Promise<Score> => {
    const verdicts = await limit.map(trials, async ({ subject, k }) => {
      const view = subject.views[k] ?? EMPTY_VIEW;
      if (candidate.loses(view) || !applies(candidate, subject.generation, view)) return 'lossy';
      const plan = { subject, strategy: candidate, k, way: 'disconnect', resume: 'never' } as const;
      return (await judge.judge(plan)).verdict;
    });
    const exact = verdicts.filter((verdict) => verdict === 'exact').length;
    return { phase, recipe: candidate.name, tried: trials.length, exact };
  };
  const phases = trialsOf(subjects, seed);
  const all = candidates(strategies, edits);
  const matrix: Score[] = [];
  for (const candidate of all)
    for (const [phase, trials] of phases)
      matrix.push(await score(candidate, phase, trials.slice(0, SAMPLE)));

  const everywhere: Score[] = [];
  const best = all.find((candidate) => candidate.name === bestOf(matrix));
  for (const [phase, trials] of best === undefined ? [] : phases)
    everywhere.push(await score(best as Strategy, phase, trials));
  const byPhase: Score[] = [];
  for (const [phase, trials] of phases) {
    const name = bestOf(matrix.filter((cell) => cell.phase === phase));
    const candidate = all.find((one) => one.name === name);
    if (candidate !== undefined) byPhase.push(await score(candidate, phase, trials));
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

/** Strategies alone first, then with one edit, then with more; only messages can be edited. */
function candidates(strategies: readonly Strategy[], edits: readonly Edit[]): Strategy[] {
  const chat = strategies.filter(
    (strategy) => strategy.name !== 'raw-text' && strategy.name !== 'token-ids',
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

/** All cuts of each phase, in a random order that depends on the seed alone. */
function trialsOf(subjects: readonly Subject[], seed: number): Map<Phase, Trial[]> {
  const trials = new Map<Phase, Trial[]>();
  for (const phase of PHASES) {
    const all = subjects.flatMap((subject) =>
      subject.views.flatMap((_, k) =>
        k >= (subject.generation.given ?? 0) && phaseAt(subject.generation, k) === phase
          ? [{ subject, k }]
          : [],
      ),
    );
    const rank = ({ subject, k }: Trial): number =>
      chance(seed, 'recipe', subject.generation.scenario.id, k);
    if (all.length > 0)
      trials.set(
        phase,
        all.toSorted((a, b) => rank(a) - rank(b)),
      );
  }
  return trials;
}
