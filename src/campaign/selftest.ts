/**
 * The self-test: the harness is tried on a server whose faults are known. Each fault is planted,
 * alone, in pairs and under numeric noise, and what the diagnosis says is held against it. A
 * correct server, with and without noise, must give no finding at all.
 */
import type { Cause } from '../diagnosis/causes.ts';
import type { Target } from '../dialects/dialect.ts';
import { llamacpp } from '../dialects/llamacpp.ts';
import { messageOf } from '../errors.ts';
import { throughFaultyClient } from '../reference/client-faults.ts';
import { FAULTS, type FaultName, type PlantedFault } from '../reference/faults.ts';
import { startReference } from '../reference/server.ts';
import type { RunRecord } from '../reports/record.ts';
import { NOWHERE } from '../reports/store.ts';
import { strategiesNamed } from '../seam/named.ts';
import { runCampaign } from './run.ts';
import { planFor, type TrialPlan } from './selftest-plan.ts';

const NOISE: FaultName = 'near-tie-noise';
const CONCURRENCY = 4;
/**
 * What a campaign says where a server does not repeat itself: of a cut that was really made, and of
 * a broken stream that leaves the script before it breaks when it is tried again.
 */
const NOISY_ERRORS =
  /is another one than before|: twice the client was given |^the resumed stream |, stop-string after .* ended with \[DONE\]/;

/** One server with its faults, tested once. */
interface Trial {
  readonly planted: readonly PlantedFault[];
  readonly seed: number;
}

/** What a trial's findings are worth. */
export interface TrialResult {
  /** Faults by name, as `name@rate` where the rate is not 1. */
  readonly planted: readonly string[];
  readonly seed: number;
  /** Seams by the cause of their finding. */
  readonly diagnosed: Readonly<Partial<Record<Cause, number>>>;
  /** Findings, of which several may have the same cause. */
  readonly findings: number;
  /** Faults whose cause was not found, although nothing else was. */
  readonly missed: readonly FaultName[];
  /** Faults whose cause was not found beside another fault: where one strikes, the other cannot show. */
  readonly hidden: readonly FaultName[];
  /** Causes found that no planted fault has. */
  readonly wrong: readonly Cause[];
  /** What else was not as it must be, one line each. */
  readonly trouble: readonly string[];
  readonly seams: number;
  readonly seconds: number;
}

export interface SelftestOptions {
  /** Tried alone and under noise. */
  readonly faults: readonly PlantedFault[];
  /** Tried together, two at a time. */
  readonly pairs: readonly (readonly [PlantedFault, PlantedFault])[];
  /** Times that correct servers are tested, each with another seed. */
  readonly seeds: number;
  /** The first trial's seed; each further trial takes the next. */
  readonly seed: number;
  readonly signal: AbortSignal;
}

export interface Selftest {
  /** Each fault alone: planted → diagnosed. */
  readonly alone: readonly TrialResult[];
  /** Each fault on a server with near ties. */
  readonly underNoise: readonly TrialResult[];
  readonly pairs: readonly TrialResult[];
  /** Correct servers: any finding is a false alarm. */
  readonly correct: {
    readonly quiet: readonly TrialResult[];
    readonly noisy: readonly TrialResult[];
  };
  /** All that is short of the goal, one line each. */
  readonly short: readonly string[];
}

/**
 * Runs the self-test.
 *
 * @param listener told of each result as it comes
 */
export async function selftest(
  { faults, pairs, seeds, seed, signal }: SelftestOptions,
  listener: (result: TrialResult) => void,
): Promise<Selftest> {
  const noise: PlantedFault = { name: NOISE, rate: 1 };
  const run = async (trials: readonly Trial[]): Promise<TrialResult[]> => {
    const results: TrialResult[] = [];
    for (const trial of trials) {
      signal.throwIfAborted();
      const result = await runTrial(trial, signal);
      listener(result);
      results.push(result);
    }
    return results;
  };
  const alone = await run(faults.map((fault, i) => ({ planted: [fault], seed: seed + i })));
  const underNoise = await run(
    faults
      .map((fault, i) => ({ planted: [fault, noise], seed: seed + i }))
      .filter(
        (trial) =>
          FAULTS[trial.planted[0]?.name ?? NOISE].causes.length > 0 &&
          planOf(trial).scenarios.length > 0,
      ),
  );
  const paired = await run(pairs.map((pair, i) => ({ planted: pair, seed: seed + i })));
  const all = Array.from({ length: seeds }, (_, i) => seed + i);
  const quiet = await run(all.map((own) => ({ planted: [], seed: own })));
  const noisy = await run(all.map((own) => ({ planted: [noise], seed: own })));
  const results = { alone, underNoise, pairs: paired, correct: { quiet, noisy } };
  return { ...results, short: shortcomings(results) };
}

function planOf({ planted }: Trial): TrialPlan {
  const names = planted.map(({ name }) => name);
  return planFor(
    names.filter((name) => name !== NOISE),
    names.includes(NOISE),
  );
}

/** Tests one server and holds the findings against what was planted. */
async function runTrial(trial: Trial, signal: AbortSignal): Promise<TrialResult> {
  const started = performance.now();
  const { planted, seed } = trial;
  const names = planted.map(({ name }) => name);
  const plan = planOf(trial);
  const server = await startReference({ faults: planted, seed });
  let target: Target | undefined;
  try {
    target = await llamacpp.connect(
      { url: server.url, engine: { name: 'reference' }, timeouts: { stallMs: plan.stallMs } },
      signal,
    );
    const faulty = throughFaultyClient(target, planted, seed);
    const records: RunRecord[] = [];
    const failures: string[] = [];
    for (const mode of plan.cases > 0 ? (['sweep', 'fuzz'] as const) : (['sweep'] as const))
      try {
        records.push(await campaign(faulty, plan, mode, seed, signal));
      } catch (error) {
        if (signal.aborted) throw error;
        failures.push(`the ${mode} failed: ${messageOf(error)}`);
      }
    const judged = judgeTrial(names, records);
    return {
      planted: planted.map(({ name, rate }) => (rate === 1 ? name : `${name}@${rate}`)),
      seed,
      ...judged,
      trouble: [...failures, ...judged.trouble],
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    await target?.close();
    await server.close();
  }
}

async function campaign(
  target: Target,
  plan: TrialPlan,
  mode: 'sweep' | 'fuzz',
  seed: number,
  signal: AbortSignal,
): Promise<RunRecord> {
  return await runCampaign(
    target,
    {
      scenarios: plan.scenarios,
      strategies: strategiesNamed(plan.strategies),
      lossy: false,
      mode,
      cuts: plan.cuts,
      cases: plan.cases,
      compare: plan.compare,
      concurrency: CONCURRENCY,
      seed,
      maxTimeMs: undefined,
      cache: false,
      tokenization: false,
      signal,
    },
    NOWHERE,
    () => {},
  );
}

/** Holds the findings of a server's runs against its faults. */
function judgeTrial(
  planted: readonly FaultName[],
  records: readonly RunRecord[],
): Omit<TrialResult, 'planted' | 'seed' | 'seconds'> {
  const findings = records.flatMap((record) => record.findings);
  const diagnosed: Partial<Record<Cause, number>> = {};
  for (const { cause, count } of findings) diagnosed[cause] = (diagnosed[cause] ?? 0) + count;
  const found = Object.keys(diagnosed) as Cause[];
  const expected = new Set<Cause>(planted.flatMap((name) => FAULTS[name].causes));
  const real = planted.filter((name) => FAULTS[name].causes.length > 0);
  const lost = real.filter(
    (name) => !FAULTS[name].causes.some((cause) => diagnosed[cause] !== undefined),
  );
  // Two faults in one seam may fit nothing that is known, and no name is then the right answer.
  if (real.length > 1) expected.add('unexplained');
  const nothing = lost.length === real.length;
  return {
    diagnosed,
    findings: findings.length,
    missed: nothing ? lost : [],
    hidden: nothing ? [] : lost,
    wrong: found.filter((cause) => !expected.has(cause)),
    trouble: troubleOf(planted, records),
    seams: records.reduce((total, { totals }) => total + totals.seams, 0),
  };
}

/** What a run shows beside its findings, and must not; and what it must show, and does not. */
function troubleOf(planted: readonly FaultName[], records: readonly RunRecord[]): string[] {
  const shown = new Set(planted.map((name) => FAULTS[name].shows ?? 'nothing'));
  const trouble: string[] = [];
  const noisy = shown.has('unstable');
  const errors = records
    .flatMap((record) => record.errors)
    .filter((line) => !(noisy && NOISY_ERRORS.test(line)));
  const unstable = records.reduce((total, { totals }) => total + totals.verdicts.unstable, 0);
  const seams = records.reduce((total, { totals }) => total + totals.seams, 0);
  if (seams === 0) trouble.push('nothing was tested');
  if (errors.length > 0 && !shown.has('errors')) trouble.push(`error: ${errors[0]}`);
  if (errors.length === 0 && shown.has('errors')) trouble.push('no error was reported');
  if (unstable > 0 && !noisy) trouble.push(`${unstable} seams are unstable`);
  if (unstable === 0 && planted.length === 1 && noisy) trouble.push('no seam is unstable');
  return trouble;
}

function shortcomings({ alone, underNoise, pairs, correct }: Omit<Selftest, 'short'>): string[] {
  return [
    ...[...alone, ...underNoise, ...pairs].flatMap((result) => [
      ...missing(result),
      ...misnaming(result),
    ]),
    ...[...correct.quiet, ...correct.noisy].flatMap(misnaming),
  ];
}

function missing({ planted, missed }: TrialResult): string[] {
  return missed.map((name) => `${planted.join(' + ')}: ${name} was not found`);
}

function misnaming({ planted, seed, wrong, trouble }: TrialResult): string[] {
  const where = planted.length === 0 ? `correct server, seed ${seed}` : planted.join(' + ');
  return [
    ...wrong.map((cause) => `${where}: ${cause} was found and not planted`),
    ...trouble.map((line) => `${where}: ${line}`),
  ];
}
