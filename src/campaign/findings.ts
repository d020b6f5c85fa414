/** Failing seams with the same cause become one finding, with its smallest example. */
import { createHash } from 'node:crypto';
import type { JudgedSeam } from '../checks/seam.ts';
import { FAILING, worse, type Verdict } from '../checks/verdict.ts';
import { CAUSES, type Named } from '../diagnosis/causes.ts';
import { REASONING_ALONE } from '../diagnosis/prompt.ts';
import type { Phase } from '../seam/generation.ts';

/** A failing seam with what was made of it. */
export interface Failure {
  readonly seam: JudgedSeam;
  readonly named: Named;
  readonly pauses: readonly number[];
  /** Where fast-check found it. */
  readonly fuzz?: { readonly seed: number; readonly path: string };
}

/** All failures with one cause. */
export interface Group {
  readonly key: string;
  readonly id: string;
  readonly named: Named;
  verdict: Verdict;
  count: number;
  minimal: Failure;
  firstCut: number;
  lastCut: number;
  readonly scenarios: Set<string>;
  readonly where: Map<string, { readonly phase: Phase; readonly strategy: string; count: number }>;
}

/** Groups failures as they come; holds one example a group. */
export class FindingGroups {
  readonly #groups = new Map<string, Group>();

  /** Adds a seam when its verdict is one that makes a finding; tells its group. */
  add(failure: Failure): Group | undefined {
    const { seam, named } = failure;
    if (!FAILING.has(seam.verdict)) return undefined;
    const key = keyOf(failure);
    const { k, strategy, subject } = seam.plan;
    const scenario = subject.generation.scenario.id;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = {
        key,
        id: `${named.cause}-${createHash('sha256').update(key).digest('hex').slice(0, 6)}`,
        named,
        verdict: seam.verdict,
        count: 0,
        minimal: failure,
        firstCut: k,
        lastCut: k,
        scenarios: new Set(),
        where: new Map(),
      };
      this.#groups.set(key, group);
    }
    group.count++;
    group.verdict = worse(group.verdict, seam.verdict);
    group.firstCut = Math.min(group.firstCut, k);
    group.lastCut = Math.max(group.lastCut, k);
    group.scenarios.add(scenario);
    const place = `${seam.phase}/${strategy.name}`;
    const where = group.where.get(place);
    if (where === undefined)
      group.where.set(place, { phase: seam.phase, strategy: strategy.name, count: 1 });
    else where.count++;
    if (smaller(failure, group.minimal)) group.minimal = failure;
    return group;
  }

  has(failure: Failure): boolean {
    return this.#groups.has(keyOf(failure));
  }

  /** All groups, the most frequent first; what one cut leaves open is settled by its siblings. */
  get all(): Group[] {
    return settle([...this.#groups.values()]).toSorted(
      (a, b) => b.count - a.count || a.key.localeCompare(b.key),
    );
  }
}

/** What makes two failures the same: their cause, its culprit and its detail. */
export function keyOf({ named }: Pick<Failure, 'named'>): string {
  return [named.cause, CAUSES[named.cause].culprit, named.detail].join('\u0000');
}

/** What fast-check has shrunk first; then fewer pauses, then a shorter text, then an earlier cut; the rest only makes the choice definite. */
function smaller(a: Failure, b: Failure): boolean {
  const rank = ({ seam, pauses, fuzz }: Failure): (number | string)[] => [
    fuzz === undefined ? 1 : 0,
    seam.verdict === 'diverged' ? 0 : 1,
    pauses.length,
    seam.plan.subject.generation.length,
    seam.plan.k,
    seam.plan.subject.generation.scenario.id,
    seam.plan.strategy.name,
    seam.plan.way,
    pauses.map((k) => String(k).padStart(9, '0')).join(),
    seam.verdict,
  ];
  const [ra, rb] = [rank(a), rank(b)];
  for (const [i, value] of ra.entries()) {
    const other = rb[i] as number | string;
    if (value !== other) return value < other;
  }
  return false;
}

/** Gives the seams that do not say what was dropped to the group of the cause that other cuts show. */
function settle(groups: readonly Group[]): Group[] {
  const open = groups.find(
    ({ named }) => named.cause === REASONING_ALONE.cause && named.detail === REASONING_ALONE.detail,
  );
  const cause =
    groups.find((group) => group !== open && group.named.cause === 'prefill-dropped') ??
    groups.find((group) => group !== open && group.named.cause === REASONING_ALONE.cause);
  if (open === undefined || cause === undefined) return [...groups];
  const where = new Map([...cause.where].map(([place, cell]) => [place, { ...cell }]));
  for (const [place, cell] of open.where)
    where.set(place, { ...cell, count: cell.count + (where.get(place)?.count ?? 0) });
  const merged: Group = {
    ...cause,
    verdict: worse(cause.verdict, open.verdict),
    count: cause.count + open.count,
    firstCut: Math.min(cause.firstCut, open.firstCut),
    lastCut: Math.max(cause.lastCut, open.lastCut),
    scenarios: new Set([...cause.scenarios, ...open.scenarios]),
    where,
  };
  return groups.flatMap((group) => (group === open ? [] : group === cause ? [merged] : [group]));
}
