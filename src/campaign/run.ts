/** A campaign from its first request to its record. */
import { setMaxListeners } from 'node:events';
import type { Target } from '../dialects/dialect.ts';
import { isTextLevel } from '../dialects/text-level-strength.ts';
import { SeamstressError } from '../errors.ts';
import type { SeamPlan } from '../checks/seam.ts';
import type { RunRecord } from '../reports/record.ts';
import type { RunSink } from '../reports/store.ts';
import type { Scenario } from '../scenario/schema.ts';
import type { Strategy } from '../seam/strategy.ts';
import type { TapeHeader } from '../tape/header.ts';
import { TapedTarget } from '../tape/target.ts';
import { describeTrouble } from '../wire/refusal.ts';
import { Budget, withBudget, type BudgetLimits } from './budget.ts';
import { measureCache } from './cache.ts';
import { Controls } from './controls.ts';
import type { RunListener } from './events.ts';
import { fuzz } from './fuzz.ts';
import { judgeFor, possibleStrategies } from './judge-text.ts';
import { Ledger } from './ledger.ts';
import { freshState, makeRecord, type Past, type State } from './make-record.ts';
import { promptsTold, requirePrompts } from './prompts-alone.ts';
import { confirmViews } from './realCuts.ts';
import { searchRecipe } from './recipe.ts';
import { findingOf } from './report.ts';
import { makeSubjects, runTokenControls } from './subjects.ts';
import { Shelf, type Subjects } from './shelf.ts';
import { batchesOf, judgeAll, planAll, shareOf, type LeftOut } from './sweep.ts';
import { tokenization } from './tokenization.ts';

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
  /** Tokens compared after a cut at most; 0 compares prompts alone (sweep). */
  readonly compare: number;
  readonly concurrency: number;
  readonly seed: number;
  /** Ends the run early, in good order; milliseconds. */
  readonly maxTimeMs: number | undefined;
  /** The user's stop. */
  readonly signal: AbortSignal;
  /** The share of the seams (sweep) or cases (fuzz) to judge; `index` counts from 1. */
  readonly shard?: { readonly index: number; readonly of: number } | undefined;
  /** What the run may spend; undefined or empty for no limit. */
  readonly budget?: BudgetLimits | undefined;
  /** Also measure how resumes use the server's cache (sweep). @defaultValue true */
  readonly cache?: boolean | undefined;
  /** Also search recipes when there are findings (sweep). @defaultValue true */
  readonly recipes?: boolean | undefined;
  /** Also report how the generations come back from their text. @defaultValue true */
  readonly tokenization?: boolean | undefined;
  /** The model's `tokenizer.json`, to be compared with the server's. */
  readonly tokenizer?: string | undefined;
  /** What is to be added to the record once the campaign is over, before it is written. */
  readonly lastly?: ((record: RunRecord) => Promise<RunRecord>) | undefined;
  /** Kept with the tape, so that the run can be gone on with; must hold no key. */
  readonly origin?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Runs a campaign against a target and writes it to the store, every answer on its tape.
 *
 * An abort, the time limit and a lost target end it early with what was found so far.
 *
 * @throws {SeamstressError} `target` when not one scenario could be generated; `output` when the
 *   store cannot be written; `usage` when prompts alone are to be compared where none are told
 */
export async function runCampaign(
  target: Target,
  options: CampaignOptions,
  store: RunSink,
  listener: RunListener,
): Promise<RunRecord> {
  const budget = new Budget(options.budget ?? {});
  const live = withBudget(target, budget);
  const writer = store.tape?.();
  if (writer === undefined) return await conduct(live, options, store, listener, { budget });
  writer.append(JSON.stringify(headerOf(target, options)));
  writer.flush();
  try {
    const taped = new TapedTarget({ live, writer });
    return await conduct(taped, options, store, listener, { budget });
  } finally {
    writer.close();
  }
}

function headerOf(target: Target, options: CampaignOptions): TapeHeader {
  const { scenarios, strategies, lossy, mode, cuts, cases, compare, seed, shard } = options;
  return {
    target: target.identity,
    chatTemplate: target.chatTemplate,
    startedAt: new Date().toISOString(),
    plan: {
      scenarios,
      strategies: strategies.map((strategy) => strategy.name),
      lossy,
      mode,
      cuts,
      cases,
      compare,
      seed,
      shard,
    },
    options: options.origin,
  };
}

/**
 * The campaign itself, whatever answers: a server, a tape, or first the one and then the other.
 *
 * @param known the budget that the target is on, and what is known of the run from an earlier time
 */
export async function conduct(
  target: Target,
  options: CampaignOptions,
  store: RunSink,
  listener: RunListener,
  { budget, past }: { readonly budget?: Budget; readonly past?: Past } = {},
): Promise<RunRecord> {
  if (options.compare === 0) requirePrompts(target);
  const started = new Date();
  const deadline = options.maxTimeMs === undefined ? [] : [AbortSignal.timeout(options.maxTimeMs)];
  const spent = budget === undefined ? [] : [budget.signal];
  const signal = AbortSignal.any([options.signal, ...deadline, ...spent]);
  setMaxListeners(0, signal);
  const ledger = new Ledger((line) => store.seam(line), listener);
  const controls = new Controls(target, options.compare, signal, past?.tau);
  const state = freshState();
  listener({ kind: 'started', target: target.identity, scenarios: options.scenarios.length });
  const strategies = possibleStrategies(target, options.strategies);
  const impossible = options.strategies.filter((strategy) => !strategies.includes(strategy));
  if (impossible.length > 0)
    state.untested.push({
      what: `the strategies ${impossible.map(({ name }) => name).join(', ')}`,
      why: 'this server has no such way to resume, or does not tell what judging it needs (ids, prompts)',
    });
  const shelf = new Shelf();
  const own = { ...options, strategies };
  try {
    await campaign(target, own, signal, ledger, controls, state, listener, shelf);
  } catch (error) {
    if (error instanceof SeamstressError && error.code === 'output') throw error;
    if (!signal.aborted) {
      if (ledger.tally.totals.seams === 0) throw error;
      state.lost = true;
      state.errors.push(describeTrouble(error));
    }
    state.whitespace = await ledger.tally.whitespace.finish(undefined);
  } finally {
    shelf.close();
  }
  const findings = ledger.groups.all.map((group) => {
    const finding = findingOf(group, target.identity, store.findingPath(group.id));
    store.finding(finding);
    store.raw(group.id, group.minimal.seam.answer?.capture ?? []);
    return finding;
  });
  const interrupted = options.signal.aborted
    ? (past?.interrupted ?? 'signal')
    : signal.aborted
      ? budget?.spent === true
        ? 'budget'
        : 'max-time'
      : state.lost || ledger.errorsAtTheEnd >= ERRORS_AT_THE_END
        ? 'target-lost'
        : undefined;
  const made = makeRecord(
    target,
    options,
    started,
    past,
    ledger,
    controls,
    state,
    findings,
    interrupted,
  );
  const record = (await options.lastly?.(made)) ?? made;
  store.finish(record);
  listener({ kind: 'finished', record, findings });
  return record;
}

async function campaign(
  target: Target,
  options: CampaignOptions,
  signal: AbortSignal,
  ledger: Ledger,
  controls: Controls,
  state: State,
  listener: RunListener,
  subjects: Shelf,
): Promise<void> {
  await makeSubjects(target, options, signal, controls, state, listener, subjects);
  // Nothing is held against them where nothing is resumed.
  if (!isTextLevel(target) && options.compare > 0)
    await runTokenControls(subjects, options, controls);
  controls.freeze();
  const judge = judgeFor(target, controls, { compare: options.compare, signal });
  if (options.mode === 'fuzz') {
    listener({ kind: 'planned', seams: options.cases });
    state.planned = options.cases;
    state.lost =
      (await fuzz(target, subjects, judge, ledger, { ...options, signal }, listener)) ===
      'target-lost';
  } else {
    const { strategies, compare } = options;
    const tested =
      compare === 0 ? await promptsTold(target, strategies, subjects, signal, state) : strategies;
    const own = { ...options, strategies: tested };
    await sweep(target, subjects, own, signal, judge, ledger, state, listener);
  }
  state.whitespace = await ledger.tally.whitespace.finish(controls);
  const first = options.shard === undefined || options.shard.index === 1;
  if (first && !isTextLevel(target) && options.tokenization !== false)
    state.tokenization = await tokenization(target, subjects, options.tokenizer, signal);
}

async function sweep(
  target: Target,
  subjects: Subjects,
  options: CampaignOptions,
  signal: AbortSignal,
  judge: ReturnType<typeof judgeFor>,
  ledger: Ledger,
  state: State,
  listener: RunListener,
): Promise<void> {
  const { strategies, concurrency, seed, shard } = options;
  state.realCuts = await confirmViews(target, subjects, strategies, options, signal);
  const { seams: real } = state.realCuts;
  const batches = (tell?: (left: LeftOut) => void): Iterable<readonly SeamPlan[]> =>
    shareOf(batchesOf(planAll(subjects, real, options, tell)), shard);
  let inapplicable = 0;
  const counted = batches((left) => {
    state.lossy += left.lossy;
    inapplicable += left.inapplicable;
  });
  for (const { length } of counted) state.planned += length;
  if (inapplicable > 0)
    state.untested.push({
      what: 'cuts that a strategy is not made for',
      why: 'thinking-only resumes an answer whose thinking is complete and that said nothing yet',
      count: inapplicable,
    });
  listener({ kind: 'planned', seams: state.planned });
  await judgeAll(batches(), judge, concurrency, (seam) => ledger.enter(seam));
  // Other shards may have findings where this one has none; the first one does what belongs to all.
  const first = (shard === undefined || shard.index === 1) && !isTextLevel(target);
  const wanted = ledger.groups.all.length > 0 || (shard !== undefined && shard.of > 1);
  if (first && wanted && options.recipes !== false)
    state.recipe = await searchRecipe(subjects, strategies, judge, concurrency, seed);
  if (first && options.cache !== false && options.compare > 0)
    state.cache = await measureCache(target, subjects, strategies, signal);
}
