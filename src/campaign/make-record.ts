/** Puts the record of a campaign together. */
import type { Target } from '../dialects/dialect.ts';
import { SCHEMA_VERSION, type CacheRow, type Finding, type RunRecord } from '../reports/record.ts';
import { TOOL } from '../tool.ts';
import type { Controls } from './controls.ts';
import type { Ledger } from './ledger.ts';
import type { RealCutTotals } from './realCuts.ts';
import type { CampaignOptions } from './run.ts';

/** What a campaign learns beside its seams. */
export interface State {
  planned: number;
  lossy: number;
  readonly untested: { what: string; why: string; count?: number }[];
  realCuts: RealCutTotals | undefined;
  recipe: RunRecord['recipe'];
  whitespace: RunRecord['whitespace'];
  cache: readonly CacheRow[];
  tokenization: RunRecord['tokenization'];
  /** The target stopped answering. */
  lost: boolean;
  readonly errors: string[];
}

export function freshState(): State {
  return {
    planned: 0,
    lossy: 0,
    untested: [],
    realCuts: undefined,
    recipe: { matrix: [], byPhase: [], everywhere: [] },
    whitespace: { drifted: 0, byChange: {}, changes: [] },
    cache: [],
    tokenization: undefined,
    lost: false,
    errors: [],
  };
}

/** When a campaign ran and what it cost, where that is known from an earlier time. */
export interface Past {
  readonly startedAt: string;
  readonly finishedAt?: string | undefined;
  /** Seconds that earlier parts took. */
  readonly seconds: number;
  /** What it cost; undefined to count. */
  readonly spending?: Target['spending'] | undefined;
  readonly interrupted?: RunRecord['interrupted'];
  /** Needs the tokenizer's file, which a tape does not hold. */
  readonly tokenization?: RunRecord['tokenization'];
  /** The largest τ of the parts, in nats. */
  readonly tau?: number | undefined;
}

export function makeRecord(
  target: Target,
  options: CampaignOptions,
  started: Date,
  past: Past | undefined,
  ledger: Ledger,
  controls: Controls,
  state: State,
  findings: readonly Finding[],
  interrupted: RunRecord['interrupted'],
): RunRecord {
  const finished = new Date();
  const { tally } = ledger;
  const replayed = past?.finishedAt !== undefined;
  const seconds = replayed ? 0 : (finished.getTime() - started.getTime()) / 1000;
  return {
    schemaVersion: SCHEMA_VERSION,
    tool: TOOL,
    startedAt: past?.startedAt ?? started.toISOString(),
    finishedAt: past?.finishedAt ?? finished.toISOString(),
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
      ...(options.shard === undefined ? {} : { shard: options.shard }),
    },
    controls: {
      ...controls.totals,
      realCuts: { tried: state.realCuts?.tried ?? 0, asDerived: state.realCuts?.asDerived ?? 0 },
    },
    totals: {
      ...tally.totals,
      ...(past?.spending ?? target.spending),
      seconds: (past?.seconds ?? 0) + seconds,
    },
    roundTrip: tally.roundTrip,
    whitespace: state.whitespace,
    cache: state.cache,
    ...tokenizationOf(state, past),
    recipe: state.recipe,
    notTested: notTested(options, ledger, state),
    errors: [...state.errors, ...(state.realCuts?.trouble ?? []), ...tally.errors],
    findings,
  };
}

function tokenizationOf(
  state: State,
  past: Past | undefined,
): Pick<RunRecord, 'tokenization'> | undefined {
  const tokenization = state.tokenization ?? past?.tokenization;
  return tokenization === undefined ? undefined : { tokenization };
}

function notTested(options: CampaignOptions, ledger: Ledger, state: State): RunRecord['notTested'] {
  const list: { what: string; why: string; count?: number }[] = [...state.untested];
  const { seams, byPhase } = ledger.tally.totals;
  const { shard } = options;
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
  if (shard !== undefined && shard.of > 1)
    list.push({
      what: 'the other shards',
      why: `this run is number ${shard.index} of ${shard.of}; merge puts them together`,
    });
  list.push({
    what: 'the output of resumes from a warm cache',
    why: 'resumes are judged cold, so that only the seam differs',
  });
  return list;
}
