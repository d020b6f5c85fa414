/** Does one build show the finding? By judging its seam again, or by a small sweep. */
import type { Cause } from '../diagnosis/causes.ts';
import type { Target } from '../dialects/dialect.ts';
import type { Finding, RunRecord } from '../reports/record.ts';
import type { RunSink } from '../reports/store.ts';
import type { Scenario } from '../scenario/schema.ts';
import type { Strategy } from '../seam/strategy.ts';
import { replayFinding } from './replay.ts';
import { runCampaign } from './run.ts';

/** What was seen on one build. `skip`: it could not be told. */
export interface Examined {
  readonly outcome: 'present' | 'absent' | 'skip';
  readonly why: string;
}

/** Sees whether a build shows the finding. */
export type Examine = (target: Target, version: string) => Promise<Examined>;

/** What a sweep of one build covers. */
export interface SweepSettings {
  readonly scenarios: readonly Scenario[];
  readonly strategies: readonly Strategy[];
  readonly lossy: boolean;
  /** Cuts of each scenario. */
  readonly cuts: 'all' | number;
  readonly seed: number;
  readonly concurrency: number;
  /** Where the run of a build is written. */
  readonly sink: (version: string) => RunSink;
}

/** Scenarios that are swept once it is known where the finding shows. */
const SCENARIOS = 3;

/** Tokens compared after a cut. */
const COMPARE = 24;

/**
 * Judges the finding's own seam. Where it fails in another way the finding is absent: what was
 * asked for is where *it* begins or ends, and the step says what is there instead.
 */
export function replaying(finding: Finding, signal: AbortSignal): Examine {
  return async (target) => {
    const { outcome, text } = await replayFinding(target, finding, signal);
    if (outcome === 'unusable') return { outcome: 'skip', why: text };
    return { outcome: outcome === 'reproduced' ? 'present' : 'absent', why: text };
  };
}

/**
 * Sweeps. On the first build that shows the finding the sweep ends as soon as it does; that tells
 * a scenario and a strategy, and if a sweep of those alone shows it too, they are enough for the
 * builds after it.
 */
export function sweeping(
  wanted: { readonly cause: Cause; readonly id?: string | undefined },
  settings: SweepSettings,
  signal: AbortSignal,
): Examine {
  // An id is its cause, a dash and six digits.
  const fitsId = (id: string): boolean =>
    wanted.id === undefined ? id.slice(0, -7) === wanted.cause : id === wanted.id;
  const fits = (finding: Finding): boolean => fitsId(finding.id);
  const sweep = (
    target: Target,
    version: string,
    plan: SweepSettings,
    found?: AbortController,
  ): Promise<RunRecord> =>
    runCampaign(
      target,
      {
        scenarios: plan.scenarios,
        strategies: plan.strategies,
        lossy: plan.lossy,
        mode: 'sweep',
        cuts: plan.cuts,
        cases: 0,
        compare: COMPARE,
        concurrency: plan.concurrency,
        seed: plan.seed,
        maxTimeMs: undefined,
        signal: found === undefined ? signal : AbortSignal.any([signal, found.signal]),
      },
      plan.sink(version),
      (event) => {
        if (event.kind === 'finding' && fitsId(event.id)) found?.abort();
      },
    );
  let narrow: SweepSettings | undefined;
  return async (target, version) => {
    if (narrow !== undefined) return outcomeOf(await sweep(target, version, narrow), fits);
    const record = await sweep(target, version, settings, new AbortController());
    const finding = record.findings.find(fits);
    if (finding === undefined || signal.aborted) return outcomeOf(record, fits);
    const closer = narrowed(settings, finding);
    const examined = outcomeOf(await sweep(target, version, closer), fits);
    narrow = examined.outcome === 'present' ? closer : settings;
    return examined.outcome === 'present' ? examined : outcomeOf(record, fits);
  };
}

/** The strategy that showed it, in the scenario that did and in the next ones of the pack. */
function narrowed(settings: SweepSettings, finding: Finding): SweepSettings {
  const all = settings.scenarios;
  const at = all.findIndex(({ id }) => id === finding.minimal.scenario.id);
  return {
    ...settings,
    scenarios: [...all.slice(at), ...all.slice(0, at)].slice(0, SCENARIOS),
    strategies: settings.strategies.filter(({ name }) => name === finding.strategy),
  };
}

/** An absence counts only where every seam had a verdict; what is seen counts always. */
export function outcomeOf(record: RunRecord, fits: (finding: Finding) => boolean): Examined {
  const finding = record.findings.find(fits);
  const { seams, verdicts } = record.totals;
  if (finding !== undefined)
    return { outcome: 'present', why: `at ${finding.count} of ${seams} seams` };
  if (record.interrupted === 'target-lost')
    return { outcome: 'skip', why: `the server was lost: ${record.errors[0] ?? 'no answer'}` };
  if (verdicts.error > 0 || record.errors.length > 0)
    return { outcome: 'skip', why: `not all could be tested: ${record.errors[0] ?? 'errors'}` };
  if (verdicts.exact + verdicts.drift + verdicts.diverged + verdicts.rejected === 0)
    return { outcome: 'skip', why: 'nothing was tested' };
  const others = record.findings.map(({ cause }) => cause).slice(0, 4);
  return {
    outcome: 'absent',
    why: `at none of ${seams} seams${others.length === 0 ? '' : ` (but ${others.join(', ')})`}`,
  };
}
