/** What the matrix and the order of findings are in every report: verdicts by phase and strategy, the worst first. */
import { VERDICTS, worse, type Verdict } from '../checks/verdict.ts';
import { PHASES, type Phase } from '../seam/generation.ts';
import type { Finding, RunRecord, VerdictCounts } from './record.ts';

/** Verdicts of the seams of one strategy, phase by phase; a phase without seams is absent. */
export interface MatrixRow {
  readonly strategy: string;
  readonly cells: ReadonlyMap<Phase, VerdictCounts>;
}

export interface Matrix {
  /** Phases that have seams, in the order of a generation. */
  readonly phases: readonly Phase[];
  readonly rows: readonly MatrixRow[];
}

/** Strategies in the order in which the record has them. */
export function matrixOf({ totals }: RunRecord): Matrix {
  const rows = new Map<string, Map<Phase, VerdictCounts>>();
  for (const { phase, strategy, verdicts } of totals.matrix) {
    const cells = rows.get(strategy) ?? new Map<Phase, VerdictCounts>();
    cells.set(phase, verdicts);
    rows.set(strategy, cells);
  }
  const seen = new Set(totals.matrix.map((cell) => cell.phase));
  return {
    phases: PHASES.filter((phase) => seen.has(phase)),
    rows: [...rows].map(([strategy, cells]) => ({ strategy, cells })),
  };
}

/** Seams of all verdicts; a verdict that an older record lacks counts as none. */
export function seamsOf(verdicts: VerdictCounts): number {
  return VERDICTS.reduce((sum, verdict) => sum + (verdicts[verdict] ?? 0), 0);
}

/** Seams with a verdict that says something of the server. */
export function conclusive(verdicts: VerdictCounts | undefined): number {
  return verdicts === undefined
    ? 0
    : verdicts.exact + verdicts.drift + verdicts.diverged + verdicts.rejected;
}

/** Findings with the worst verdict first, then the most seams, then by id. */
export function worstFirst(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) =>
    a.verdict === b.verdict
      ? b.count - a.count || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
      : worse(a.verdict, b.verdict) === a.verdict
        ? -1
        : 1,
  );
}

/** A sign for each verdict, so that colour is never the only one. */
export const SIGNS: Readonly<Record<Verdict, string>> = {
  exact: '✓',
  drift: '≈',
  diverged: '≠',
  rejected: '⊘',
  unstable: '~',
  error: '!',
};

/** `1 seam`, `504 seams`, `1,381 seams`. */
export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/** A number with a comma between its thousands. */
export function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** A share in percent, never rounded up to 100 or down to 0. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '–';
  const share = (100 * part) / whole;
  if (share > 0 && share < 0.1) return '<0.1 %';
  if (share < 100 && share > 99.9) return '>99.9 %';
  return `${Number.isInteger(share) ? share : share.toFixed(1)} %`;
}

/** Engine, version and build, as people name it; not yet made harmless. */
export function engineOf({ target }: Pick<RunRecord, 'target'>): string {
  const { name, version, build } = target.engine;
  return [name, build ?? version].filter((part) => part !== undefined && part !== '').join(' ');
}

const EARLY: Readonly<Record<string, string>> = {
  signal: 'Stopped by the user before it was done.',
  'max-time': 'Stopped at the time limit before it was done.',
  budget: 'Stopped at the limit of its budget before it was done.',
  'target-lost': 'The target was lost before it was done.',
};

/** How a run ended early, in words; undefined when it did not. */
export function endedEarly({ interrupted }: Pick<RunRecord, 'interrupted'>): string | undefined {
  return interrupted === undefined
    ? undefined
    : (EARLY[interrupted] ?? `It ended early: ${interrupted}.`);
}

/** One line that says how the run went. */
export function verdictLine(record: RunRecord): string {
  const { totals, findings, plan } = record;
  if (totals.seams === 0) return 'Nothing was tested';
  const errors = totals.verdicts.error ?? 0;
  return [
    `${findings.length === 0 ? 'No findings' : plural(findings.length, 'finding')} in ${plural(totals.seams, 'seam')}`,
    `${percent(totals.verdicts.exact, totals.seams)} exact`,
    ...(errors === 0 ? [] : [plural(errors, 'error')]),
    ...(isUnfinished(record)
      ? [`${plural(plan.seams - totals.seams, 'planned seam')} not tested`]
      : []),
    ...(plan.compare === 0 ? ['prompts alone'] : []),
  ].join(', ');
}

/** True when a sweep has not judged all that it planned. */
export function isUnfinished({ plan, totals }: Pick<RunRecord, 'plan' | 'totals'>): boolean {
  return plan.mode === 'sweep' && totals.seams < plan.seams;
}

/** True when a run cannot say that all is well, also without a finding: nothing tested, errors, or not all of it. */
export function isInconclusive(record: RunRecord): boolean {
  const { verdicts } = record.totals;
  const failed = verdicts.error > 0 || record.errors.length > 0;
  return failed || conclusive(verdicts) === 0 || isUnfinished(record);
}

/** Which cuts were tested, in words. */
export function cutsWords({ plan }: Pick<RunRecord, 'plan'>): string {
  if (plan.mode === 'fuzz') return `fuzzing, ${grouped(plan.seams)} cases at most`;
  const cuts = plan.cuts === 'all' ? 'every cut' : `${plan.cuts} cuts each`;
  return plan.compare === 0 ? `${cuts}, prompts alone` : cuts;
}

/** The faults that were planted, in words; undefined where there are none. */
export function plantedWords({ target }: Pick<RunRecord, 'target'>): string | undefined {
  const faults = target.faults ?? [];
  return faults.length === 0 ? undefined : `planted faults: ${faults.join(', ')}`;
}

/** A number of nats, short. */
export function nats(value: number): string {
  return value === 0 ? '0' : Math.abs(value) < 0.001 ? value.toExponential(1) : value.toFixed(4);
}
