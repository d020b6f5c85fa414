/** What two runs have in common, and what each counted there. */
import { VERDICTS, type Verdict } from '../../checks/verdict.ts';
import { SeamstressError } from '../../errors.ts';
import type { Phase } from '../../seam/generation.ts';
import type { StoredRun } from './load.ts';
import type { Finding, RunRecord, SeamLine, VerdictCounts } from '../record.ts';

/** The part of both plans that is the same. */
export interface Common {
  readonly scenarios: readonly string[];
  readonly strategies: readonly string[];
  readonly notes: readonly string[];
}

/** What one run counted in the common part. */
export interface Counted {
  readonly record: RunRecord;
  readonly cells: ReadonlyMap<string, Cell>;
  /** Findings that touch the common part, with their seams by place. */
  readonly findings: readonly { readonly finding: Finding; readonly places: Places }[];
  /** Findings that do not. */
  readonly outside: readonly Finding[];
}

export type Places = ReadonlyMap<string, number>;

export interface Cell {
  readonly phase: Phase;
  readonly strategy: string;
  readonly verdicts: VerdictCounts;
}

export const placeOf = (at: { readonly phase: Phase; readonly strategy: string }): string =>
  `${at.phase}/${at.strategy}`;

/**
 * @throws {SeamstressError} `usage` when the two have nothing to compare
 */
export function commonOf(a: RunRecord, b: RunRecord): Common {
  if (a.plan.mode !== b.plan.mode)
    refuse(`one is a ${a.plan.mode}, the other a ${b.plan.mode}`, 'Compare runs of one mode.');
  if (shardOf(a) !== shardOf(b))
    refuse(
      `one is ${shardOf(a)}, the other ${shardOf(b)}`,
      'Merge the shards of a run first, with seamstress merge.',
    );
  const scenarios = testedScenarios(a).filter((id) => testedScenarios(b).includes(id));
  const strategies = a.plan.strategies.filter((name) => b.plan.strategies.includes(name));
  if (scenarios.length === 0)
    refuse('no scenario was tested by both', 'Run both with the same scenarios.');
  if (strategies.length === 0)
    refuse('no strategy was tested by both', 'Run both with the same --strategy.');
  return { scenarios, strategies, notes: notesOn(a, b, scenarios, strategies) };
}

function refuse(message: string, hint: string): never {
  throw new SeamstressError('usage', `the runs cannot be compared: ${message}`, { hint });
}

function shardOf({ plan: { shard } }: RunRecord): string {
  return shard === undefined ? 'a whole run' : `shard ${shard.index}/${shard.of}`;
}

/** The scenarios of the plan without those that could not be generated. */
function testedScenarios({ plan, notTested }: RunRecord): readonly string[] {
  const failed = new Set(notTested.map(({ what }) => what));
  return plan.scenarios.filter((id) => !failed.has(`scenario ${id}`));
}

function notesOn(
  a: RunRecord,
  b: RunRecord,
  scenarios: readonly string[],
  strategies: readonly string[],
): string[] {
  return [
    ...onlyIn('the scenarios', 'A', testedScenarios(a), scenarios),
    ...onlyIn('the scenarios', 'B', testedScenarios(b), scenarios),
    ...onlyIn('the strategies', 'A', a.plan.strategies, strategies),
    ...onlyIn('the strategies', 'B', b.plan.strategies, strategies),
    ...differ('engine', a.target.engine.name, b.target.engine.name),
    ...differ('model', a.target.model, b.target.model),
    ...differ('hops', a.target.hops.join(', ') || 'none', b.target.hops.join(', ') || 'none'),
    ...other('the chat template', a.target.chatTemplateSha256, b.target.chatTemplateSha256),
    ...other('the tokenizer', a.target.tokenizerSha256, b.target.tokenizerSha256),
    ...differ('cuts', a.plan.cuts, b.plan.cuts),
    ...differ('seed', a.plan.seed, b.plan.seed),
    ...differ('tokens compared', a.plan.compare, b.plan.compare),
  ];
}

function onlyIn(
  what: string,
  which: string,
  all: readonly string[],
  both: readonly string[],
): string[] {
  const rest = all.filter((name) => !both.includes(name));
  return rest.length === 0 ? [] : [`only ${which} tested ${what} ${rest.join(', ')}: left out`];
}

function differ(what: string, left: unknown, right: unknown): string[] {
  return left === right ? [] : [`${what}: ${String(left)} in A, ${String(right)} in B`];
}

function other(what: string, left: string | undefined, right: string | undefined): string[] {
  return left === undefined || right === undefined || left === right
    ? []
    : [`${what} is another one`];
}

/**
 * Counts the common part: from the journal where scenarios have to be left out, else from the
 * record. Without a journal the counts are those of the whole run.
 */
export async function countCommon(
  run: StoredRun,
  common: Common,
): Promise<Counted & { readonly whole: boolean }> {
  const { record } = run;
  const all = testedScenarios(record).length === common.scenarios.length;
  const seams = all ? undefined : await run.seams();
  const inCommon = ({ strategy }: { readonly strategy: string }): boolean =>
    common.strategies.includes(strategy);
  const lines = seams?.filter((line) => inCommon(line) && common.scenarios.includes(line.scenario));
  const findings = record.findings.map((finding) => ({
    finding,
    places: finding.scenarios.some((id) => common.scenarios.includes(id))
      ? lines === undefined
        ? new Map(finding.where.filter(inCommon).map((cell) => [placeOf(cell), cell.count]))
        : placesOf(finding, lines)
      : new Map<string, number>(),
  }));
  return {
    record,
    cells:
      lines === undefined
        ? new Map(record.totals.matrix.filter(inCommon).map((cell) => [placeOf(cell), cell]))
        : cellsOf(lines),
    findings: findings.filter(({ places }) => places.size > 0),
    outside: findings.flatMap(({ finding, places }) => (places.size === 0 ? [finding] : [])),
    whole: !all && lines === undefined,
  };
}

function cellsOf(lines: readonly SeamLine[]): Map<string, Cell> {
  const cells = new Map<string, Cell & { readonly verdicts: Record<Verdict, number> }>();
  for (const line of lines) {
    const { phase, strategy, verdict } = line;
    const cell = cells.get(placeOf(line)) ?? {
      phase,
      strategy,
      verdicts: Object.fromEntries(VERDICTS.map((name) => [name, 0])) as Record<Verdict, number>,
    };
    cell.verdicts[verdict]++;
    cells.set(placeOf(line), cell);
  }
  return cells;
}

function placesOf({ cause, detail }: Finding, lines: readonly SeamLine[]): Places {
  const places = new Map<string, number>();
  for (const line of lines)
    if (line.cause === cause && (line.detail ?? '') === detail)
      places.set(placeOf(line), (places.get(placeOf(line)) ?? 0) + 1);
  return places;
}
