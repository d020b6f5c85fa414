/** A campaign from its first request to its record. */
import { setMaxListeners } from 'node:events';
import type { Target } from '../dialects/dialect.ts';
import { messageOf, SeamstressError } from '../errors.ts';
import { SCHEMA_VERSION, type Finding, type RunRecord } from '../reports/record.ts';
import type { RunStore } from '../reports/store.ts';
import type { Scenario } from '../scenario/schema.ts';
import type { Strategy } from '../seam/strategy.ts';
import { makeSubject, type Subject } from '../seam/subject.ts';
import { TOOL } from '../tool.ts';
import { Controls } from './controls.ts';
import type { RunListener } from './events.ts';
import { fuzz } from './fuzz.ts';
import { Judge } from './judge.ts';
import { Ledger } from './ledger.ts';
import { confirmViews, type RealCutTotals } from './realCuts.ts';
import { searchRecipe } from './recipe.ts';
import { findingOf } from './report.ts';
import { chooseCuts } from './sample.ts';
import { judgeAll, planSweep } from './sweep.ts';

/** Cuts of each scenario that the token control resumes. */
const TOKEN_CONTROLS = 8;

/** Seams in a row, at the end of a run, that end in an error before the target counts as lost. */
const ERRORS_AT_THE_END = 5;

export interface CampaignOptions {
  readonly scenarios: readonly Scenario[];
  readonly strategies: readonly Strategy[];
  /** Test strategies also where they throw away what the client holds. */
  readonly lossy: boolean;
  readonly mode: 'sweep' | 'fuzz';
  readonly cuts: 'all' | number;
  /** Fuzz: cases at most. */
  readonly cases: number;
  /** Tokens compared after a cut at most. */
  readonly compare: number;
  readonly concurrency: number;
  readonly seed: number;
  /** Ends the run early, in good order; milliseconds. */
  readonly maxTimeMs: number | undefined;
  /** The user's stop. */
  readonly signal: AbortSignal;
}

/**
 * Runs a campaign against a target and writes it to the store.
 *
 * An abort, the time limit and a lost target end it early with what was found so far.
 *
 * @throws {SeamstressError} `target` when not one scenario could be generated; `output` when the
 *   store cannot be written
 */
export async function runCampaign(
  target: Target,
  options: CampaignOptions,
  store: RunStore,
  listener: RunListener,
): Promise<RunRecord> {
  const started = new Date();
  const deadline =
    options.maxTimeMs === undefined ? undefined : AbortSignal.timeout(options.maxTimeMs);
  const signal =
    deadline === undefined ? options.signal : AbortSignal.any([options.signal, deadline]);
  setMaxListeners(0, signal);
  const ledger = new Ledger((line) => store.seam(line), listener);
  const controls = new Controls(target, options.compare, signal);
  const state: State = {
    planned: 0,
    lossy: 0,
    untested: [],
    realCuts: undefined,
    recipe: { matrix: [], byPhase: [], everywhere: [] },
    lost: false,
    errors: [],
  };
  listener({ kind: 'started', target: target.identity, scenarios: options.scenarios.length });
  try {
    await campaign(target, options, signal, ledger, controls, state, listener);
  } catch (error) {
    if (error instanceof SeamstressError && error.code === 'output') throw error;
    if (!signal.aborted) {
      if (ledger.tally.totals.seams === 0) throw error;
      state.lost = true;
      state.errors.push(messageOf(error));
    }
  }
  const findings = ledger.groups.all.map((group) => {
    const finding = findingOf(group, target.identity, store.findingPath(group.id));
    store.finding(finding);
    store.raw(group.id, group.minimal.seam.answer?.capture ?? []);
    return finding;
  });
  const interrupted = options.signal.aborted
    ? 'signal'
    : signal.aborted
      ? 'max-time'
      : state.lost || ledger.errorsAtTheEnd >= ERRORS_AT_THE_END
        ? 'target-lost'
        : undefined;
  const record = makeRecord(
    target,
    options,
    started,
    ledger,
    controls,
    state,
    findings,
    interrupted,
  );
  store.finish(record);
  listener({ kind: 'finished', record, findings });
  return record;
}

/** What a campaign learns beside its seams. */
interface State {
  planned: number;
  lossy: number;
  readonly untested: { what: string; why: string; count?: number }[];
  realCuts: RealCutTotals | undefined;
  recipe: RunRecord['recipe'];
  /** The target stopped answering. */
  lost: boolean;
  readonly errors: string[];
}

async function campaign(
  target: Target,
  options: CampaignOptions,
  signal: AbortSignal,
  ledger: Ledger,
  controls: Controls,
  state: State,
  listener: RunListener,
): Promise<void> {
  const subjects = await makeSubjects(target, options, signal, controls, state, listener);
  await runTokenControls(subjects, options.seed, controls);
  controls.freeze();
  const judge = new Judge(target, controls, { compare: options.compare, signal });
  if (options.mode === 'fuzz') {
    listener({ kind: 'planned', seams: options.cases });
    state.planned = options.cases;
    state.lost =
      (await fuzz(target, subjects, judge, ledger, { ...options, signal }, listener)) ===
      'target-lost';
    return;
  }
  const plans = subjects.map((subject) => planSweep(subject, options));
  state.realCuts = await confirmViews(
    target,
    subjects,
    options.strategies,
    options.compare,
    options.seed,
    signal,
  );
  const seams = [...plans.flatMap((plan) => plan.seams), ...state.realCuts.seams];
  state.lossy = plans.reduce((total, plan) => total + plan.lossy, 0);
  state.planned = seams.length;
  listener({ kind: 'planned', seams: seams.length });
  await judgeAll(seams, judge, options.concurrency, (seam) => ledger.enter(seam));
  if (ledger.groups.all.length > 0)
    state.recipe = await searchRecipe(
      subjects,
      options.strategies,
      judge,
      options.concurrency,
      options.seed,
    );
}

/** One generation a scenario. A scenario that fails is left out and named; all failing ends the run. */
async function makeSubjects(
  target: Target,
  options: CampaignOptions,
  signal: AbortSignal,
  controls: Controls,
  state: State,
  listener: RunListener,
): Promise<Subject[]> {
  const subjects: Subject[] = [];
  let last: unknown;
  for (const scenario of options.scenarios) {
    try {
      const subject = await makeSubject(target, scenario, signal);
      controls.addRepeat(subject);
      subjects.push(subject);
      const { length } = subject.generation;
      listener({
        kind: 'generated',
        scenario: scenario.id,
        tokens: length,
        consistent: subject.repeat.disagreements === 0,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      last = error;
      state.untested.push({ what: `scenario ${scenario.id}`, why: messageOf(error) });
      state.errors.push(messageOf(error));
    }
  }
  if (subjects.length === 0 && last !== undefined)
    throw last instanceof SeamstressError
      ? last
      : new SeamstressError('target', `no scenario could be generated: ${messageOf(last)}`, {
          hint: 'Look at the log of the server.',
          cause: last,
        });
  return subjects;
}

async function runTokenControls(
  subjects: readonly Subject[],
  seed: number,
  controls: Controls,
): Promise<void> {
  for (const subject of subjects)
    for (const k of chooseCuts(subject.generation, TOKEN_CONTROLS, seed))
      await controls.token(subject, k);
}

function makeRecord(
  target: Target,
  options: CampaignOptions,
  started: Date,
  ledger: Ledger,
  controls: Controls,
  state: State,
  findings: readonly Finding[],
  interrupted: RunRecord['interrupted'],
): RunRecord {
  const finished = new Date();
  const { tally } = ledger;
  return {
    schemaVersion: SCHEMA_VERSION,
    tool: TOOL,
    startedAt: started.toISOString(),
    finishedAt: finished.toISOString(),
    ...(interrupted === undefined ? {} : { interrupted }),
    target: target.identity,
    plan: {
      seed: options.seed,
      mode: options.mode,
      cuts: options.cuts,
      compare: options.compare,
      strategies: options.strategies.map((strategy) => strategy.name),
      scenarios: options.scenarios.map((scenario) => scenario.id),
      seams: state.planned,
    },
    controls: {
      ...controls.totals,
      realCuts: { tried: state.realCuts?.tried ?? 0, asDerived: state.realCuts?.asDerived ?? 0 },
    },
    totals: {
      ...tally.totals,
      ...target.spending,
      seconds: (finished.getTime() - started.getTime()) / 1000,
    },
    roundTrip: tally.roundTrip,
    whitespace: tally.whitespace,
    cache: [],
    recipe: state.recipe,
    notTested: notTested(options, ledger, state),
    errors: [...state.errors, ...(state.realCuts?.trouble ?? []), ...tally.errors],
    findings,
  };
}

function notTested(options: CampaignOptions, ledger: Ledger, state: State): RunRecord['notTested'] {
  const list: { what: string; why: string; count?: number }[] = [...state.untested];
  const { seams, byPhase } = ledger.tally.totals;
  if (state.lossy > 0)
    list.push({
      what: 'seams of strategies that drop reasoning',
      why: 'they cannot be exact where the client holds reasoning; name the strategy to test it there too',
      count: state.lossy,
    });
  if (options.mode === 'sweep' && seams < state.planned)
    list.push({ what: 'planned seams', why: 'the run ended early', count: state.planned - seams });
  for (const phase of ['reasoning', 'content', 'tool-call'])
    if (byPhase[phase] === undefined)
      list.push({ what: `cuts inside ${phase}`, why: 'no seam of this run fell there' });
  list.push({
    what: 'resumes from a warm cache',
    why: 'resumes are sent cold, so that only the seam differs',
  });
  return list;
}
