/** Puts the record of a campaign together. */
import { ROUTES, type Target } from '../dialects/dialect.ts';
import { waysOf, type OtherWay } from '../dialects/ways.ts';
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
  /** Scenarios that were generated once, since nothing is held against a repeat. */
  once: number;
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
    once: 0,
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
    notTested: notTested(target, options, ledger, state, interrupted !== undefined),
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

function notTested(
  target: Target,
  options: CampaignOptions,
  ledger: Ledger,
  state: State,
  ended: boolean,
): RunRecord['notTested'] {
  const list: { what: string; why: string; count?: number }[] = [...state.untested];
  const { seams, byPhase } = ledger.tally.totals;
  const { shard } = options;
  if (options.compare === 0)
    list.push({
      what: 'what the model makes of a resume',
      why: '--compare 0 compares prompts alone: nothing was resumed',
    });
  if (state.once > 0)
    list.push({
      what: 'repeats of uninterrupted runs',
      why: 'no verdict on a prompt depends on them, and these streams tell their own ids',
      count: state.once,
    });
  if (state.lossy > 0)
    list.push({
      what: 'seams of strategies that drop reasoning',
      why: 'they cannot be exact where the client holds reasoning; name the strategy to test it there too',
      count: state.lossy,
    });
  if (options.mode === 'sweep' && seams < state.planned)
    list.push({ what: 'planned seams', why: 'the run ended early', count: state.planned - seams });
  if (ended && state.planned === 0)
    list.push({ what: 'every seam', why: 'the run ended early, before any was planned' });
  for (const phase of ['reasoning', 'content', 'tool-call'])
    if (seams > 0 && byPhase[phase] === undefined)
      list.push({ what: `cuts inside ${phase}`, why: 'no seam of this run fell there' });
  if (shard !== undefined && shard.of > 1)
    list.push({
      what: 'the other shards',
      why: `this run is number ${shard.index} of ${shard.of}; merge puts them together`,
    });
  list.push(...otherWays(options, target));
  if (options.compare > 0)
    list.push({
      what: 'the output of resumes from a warm cache',
      why: 'resumes are judged cold, so that only the seam differs',
    });
  return list;
}

/** What a dialect knows beside the streamed chat, and no strategy of the run asked for. */
function otherWays(
  { strategies }: CampaignOptions,
  { identity }: Target,
): { readonly what: string; readonly why: string }[] {
  const tested = new Set(strategies.flatMap(({ needs = [] }) => needs));
  const left = waysOf(identity.dialect).filter((way) => !tested.has(way));
  const named = left.map((way) => (way === 'whole' ? 'reasoning-field/whole' : way));
  const byCount = ROUTES.some((route) => tested.has(route));
  return [
    ...(left.length === 0
      ? []
      : [
          {
            what: `resumes by ${left.map((way) => WAYS[way]).join(', ')}`,
            why: `most of them cost a generation at every cut; they are tested where they are named: ${named.join(', ')}`,
          },
        ]),
    ...(byCount
      ? [
          {
            what: `the prompt's ids by ${ROUTES.map((route) => WAYS[route]).join(' and ')}, where the server does not render them`,
            why: 'texts and the prompt’s number of tokens are compared there; a wrong prompt of the right length is not noticed',
          },
        ]
      : []),
  ];
}

const WAYS: Readonly<Record<OtherWay, string>> = {
  messages: '/v1/messages',
  responses: '/v1/responses',
  whole: 'answers that are not streamed',
  'stream-replay': 'the replay of a stream that was cut',
};
