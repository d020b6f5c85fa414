/** Compares two runs: findings, rates, recipes, costs. Reads their records only. */
import { VERDICTS } from '../../checks/verdict.ts';
import { CAUSES } from '../../diagnosis/causes.ts';
import { PHASES } from '../../seam/generation.ts';
import { commonOf, countCommon, type Cell, type Counted } from './common.ts';
import { diffCosts } from './cost.ts';
import { diffFinding, diffUntested, lookAlike, type Occurrence } from './finding.ts';
import { conclusive, isUnfinished } from '../matrix.ts';
import type { StoredRun } from './load.ts';
import { compareShares, familyZ } from './rates.ts';
import {
  DIFF_VERSION,
  STATUSES,
  type DiffSide,
  type FindingDiff,
  type RateDiff,
  type RecipeDiff,
  type RunDiff,
} from './types.ts';
import type { RecipeScore, RunRecord } from '../record.ts';

/**
 * @param a the earlier run, or the one that is known
 * @throws {SeamstressError} `usage` when the two have nothing to compare
 */
export async function diffRuns(a: StoredRun, b: StoredRun): Promise<RunDiff> {
  const common = commonOf(a.record, b.record);
  const [left, right] = await Promise.all([countCommon(a, common), countCommon(b, common)]);
  const whole = left.whole || right.whole;
  const alike = lookAlike(a.record, b.record);
  return {
    schemaVersion: DIFF_VERSION,
    kind: 'diff',
    a: sideOf(a),
    b: sideOf(b),
    common: { scenarios: common.scenarios, strategies: common.strategies },
    notes: [
      ...common.notes,
      ...(whole
        ? ['a journal is missing or does not fit its record: counts and rates are of the whole run']
        : []),
      ...(alike
        ? []
        : [
            `${a.record.plan.compare > 0 ? 'B' : 'A'} compared prompts alone: verdicts and their rates are not held against each other`,
          ]),
    ],
    findings: diffFindings(left, right),
    rates: alike ? diffRates(left, right) : [],
    recipe: diffRecipes(a.record, b.record),
    cost: diffCosts(a.record, b.record),
  };
}

function sideOf({ folder, record }: StoredRun): DiffSide {
  return {
    folder,
    startedAt: record.startedAt,
    target: record.target,
    seams: record.totals.seams,
    findings: record.findings.length,
    unfinished: unfinished(record),
  };
}

/** A fuzz run that its time limit ended did what it was asked; a sweep did not. */
function unfinished(record: RunRecord): string | undefined {
  const { interrupted, plan, totals } = record;
  if (interrupted === 'signal') return 'it was stopped';
  if (interrupted === 'target-lost') return 'its target was lost';
  if (conclusive(totals.verdicts) === 0) return 'it tested nothing';
  if (isUnfinished(record)) return `it judged ${totals.seams} of ${plan.seams} seams`;
  return undefined;
}

function diffFindings(a: Counted, b: Counted): FindingDiff[] {
  const occurrences = new Map<string, Occurrence>();
  for (const [side, { findings }] of [
    ['a', a],
    ['b', b],
  ] as const)
    for (const { finding, places } of findings) {
      // A run holds a cause with a detail once; the check is that of its smallest example.
      const key = `${finding.cause}\u0000${finding.detail}`;
      occurrences.set(key, { ...occurrences.get(key), [side]: { finding, places } });
    }
  const outside = [
    ...a.outside.map((finding) => diffUntested(finding, 'a', a)),
    ...b.outside.map((finding) => diffUntested(finding, 'b', b)),
  ];
  return [
    ...[...occurrences.values()].map((occurrence) => diffFinding(occurrence, a, b)),
    ...outside,
  ].toSorted(
    (x, y) =>
      STATUSES.indexOf(x.status) - STATUSES.indexOf(y.status) ||
      seams(y) - seams(x) ||
      (CAUSES[x.cause].title < CAUSES[y.cause].title ? -1 : 1),
  );
}

function seams({ places }: FindingDiff): number {
  return places.reduce((sum, { a, b }) => sum + Math.max(a?.count ?? 0, b?.count ?? 0), 0);
}

/** Every verdict that either run gave, in every place that both tested. */
function diffRates(a: Counted, b: Counted): RateDiff[] {
  const pairs = [...a.cells].flatMap(([place, left]) => {
    const right = b.cells.get(place);
    if (right === undefined) return [];
    return VERDICTS.filter(
      (verdict) => verdict !== 'error' && left.verdicts[verdict] + right.verdicts[verdict] > 0,
    ).map((verdict) => ({
      phase: left.phase,
      strategy: left.strategy,
      verdict,
      a: { count: left.verdicts[verdict], of: judged(left) },
      b: { count: right.verdicts[verdict], of: judged(right) },
    }));
  });
  const z = familyZ(pairs.length);
  return pairs
    .map((pair) => ({ ...pair, ...compareShares(pair.a, pair.b, z) }))
    .toSorted((x, y) => PHASES.indexOf(x.phase) - PHASES.indexOf(y.phase));
}

function judged({ verdicts }: Cell): number {
  return VERDICTS.reduce((sum, verdict) => sum + (verdict === 'error' ? 0 : verdicts[verdict]), 0);
}

function diffRecipes(a: RunRecord, b: RunRecord): RecipeDiff[] {
  const rows: [RecipeDiff['phase'], readonly RecipeScore[], readonly RecipeScore[]][] = [
    ...PHASES.map((phase): [RecipeDiff['phase'], RecipeScore[], RecipeScore[]] => [
      phase,
      a.recipe.byPhase.filter((score) => score.phase === phase),
      b.recipe.byPhase.filter((score) => score.phase === phase),
    ]),
    ['everywhere', a.recipe.everywhere, b.recipe.everywhere],
  ];
  const searched = { a: a.recipe.matrix.length > 0, b: b.recipe.matrix.length > 0 };
  return rows.flatMap(([phase, left, right]) => {
    if (left.length + right.length === 0) return [];
    const changed = searched.a && searched.b && says(left) !== says(right);
    return [{ phase, a: left, b: right, searched, changed }];
  });
}

/** A recipe's name and where it is exact at every cut; that a sample's numbers differ is no change. */
function says(scores: readonly RecipeScore[]): string {
  return scores
    .map(({ phase, recipe, exact, tried }) => `${phase} ${recipe} ${exact === tried}`)
    .join('\n');
}
