/**
 * Runs that have a tape can be gone on with, judged again, and put together. Each is the campaign
 * itself with the tape in place of the server, as far as the tape reaches.
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Target, TargetIdentity } from '../dialects/dialect.ts';
import { SeamstressError } from '../errors.ts';
import { readRun } from '../reports/emit/source.ts';
import { lockFolder } from '../reports/lock.ts';
import type { RunRecord } from '../reports/record.ts';
import { RunStore, TAPE, type RunSink } from '../reports/store.ts';
import { strategiesNamed } from '../seam/named.ts';
import { continueTape } from '../tape/continue.ts';
import type { TapeHeader } from '../tape/header.ts';
import { TapePlayer } from '../tape/player.ts';
import { TapedTarget } from '../tape/target.ts';
import type { RunListener } from './events.ts';
import { Budget, withBudget } from './budget.ts';
import { isCacheUse } from './cache.ts';
import { carryHops } from './hop-record.ts';
import type { Past } from './make-record.ts';
import { conduct, type CampaignOptions } from './run.ts';

/** Missing shards that are named. */
const NAMED = 8;

/** Playing a tape waits for nothing. */
const CONCURRENCY = 8;

/** What was run in a folder, and against what. */
export function headerOfRun(folder: string): TapeHeader {
  const player = new TapePlayer([join(folder, TAPE)]);
  player.close();
  return player.header;
}

/** The record of a folder; undefined when its run was killed before it could write one. */
export function recordOfRun(folder: string): RunRecord | undefined {
  const path = join(folder, 'run.json');
  return lstatSync(path, { throwIfNoEntry: false }) === undefined
    ? undefined
    : readRun(path).record;
}

/**
 * Goes on with a run that ended early: what its tape holds is not asked again, except for what the
 * server could not answer.
 *
 * @throws {SeamstressError} `config` when the target is not the one of the run
 */
export async function continueRun(
  folder: string,
  target: Target,
  more: Pick<
    CampaignOptions,
    'concurrency' | 'maxTimeMs' | 'signal' | 'budget' | 'tokenizer' | 'lastly'
  > & {
    /** A gateway that is to be tested from now on. */
    readonly via?: string | undefined;
  },
  listener: RunListener,
): Promise<RunRecord> {
  const header = headerOfRun(folder);
  refuseOther(header.target, target.identity);
  const before = recordOfRun(folder);
  const { via, ...own } = more;
  // Before the tape is put in the place of the old one.
  lockFolder(folder);
  const writer = continueTape(join(folder, TAPE), via === undefined ? {} : { via });
  const player = new TapePlayer([join(folder, TAPE)]);
  const budget = new Budget(more.budget ?? {});
  try {
    return await conduct(
      new TapedTarget({ live: withBudget(target, budget), player, writer, fresh: isCacheUse }),
      { ...optionsOf(header), ...own },
      new RunStore(folder, true),
      listener,
      { budget, past: { startedAt: header.startedAt, seconds: before?.totals.seconds ?? 0 } },
    );
  } finally {
    player.close();
    writer.close();
  }
}

export interface Analysis {
  readonly record: RunRecord;
  /** Requests that today's checks would make and the tape does not hold. */
  readonly missing: number;
}

/**
 * Derives checks, diagnosis and findings again from the tape alone.
 *
 * @throws {SeamstressError} `config` when there is no tape or no record
 */
export async function analyzeRun(
  folder: string,
  sink: RunSink,
  listener: RunListener,
): Promise<Analysis> {
  const before = recordOfRun(folder);
  const player = new TapePlayer([join(folder, TAPE)]);
  try {
    const { header } = player;
    const earlier = before === undefined ? [] : [before];
    const options = {
      ...optionsOf(header),
      lastly: (record: RunRecord) => Promise.resolve(carryHops(record, earlier, viaOf(header))),
    };
    return await play(player, options, sink, listener, {
      startedAt: header.startedAt,
      finishedAt: before?.finishedAt ?? header.startedAt,
      seconds: before?.totals.seconds ?? 0,
      interrupted: before?.interrupted ?? (before === undefined ? 'signal' : undefined),
      ...(before === undefined
        ? {}
        : { spending: before.totals, tokenization: before.tokenization }),
    });
  } finally {
    player.close();
  }
}

/**
 * Puts the shards of one run together: the record is that of one machine which had judged all.
 *
 * @param sink made when the shards have been found to fit
 * @throws {SeamstressError} `config` when a shard is missing, there twice, unfinished, or of another run
 */
export async function mergeRuns(
  folders: readonly string[],
  sink: () => RunSink,
  listener: RunListener,
): Promise<Analysis> {
  const records = folders.map((folder) => {
    const record = recordOfRun(folder);
    if (record === undefined || record.interrupted !== undefined)
      throw new SeamstressError('config', `${folder} was not run to its end`, {
        hint: `seamstress run --resume ${folder}`,
      });
    return record;
  });
  const player = new TapePlayer(folders.map((folder) => join(folder, TAPE)));
  try {
    refuseMixed(folders, player.headers);
    const sum = (of: (totals: RunRecord['totals']) => number): number =>
      records.reduce((total, record) => total + of(record.totals), 0);
    const via = player.headers.map(viaOf).find((name) => name !== undefined);
    const options = {
      ...optionsOf(player.header),
      shard: undefined,
      lastly: (record: RunRecord) => Promise.resolve(carryHops(record, records, via)),
    };
    return await play(player, options, sink(), listener, {
      startedAt: records.map((record) => record.startedAt).toSorted()[0] ?? '',
      finishedAt:
        records
          .map((record) => record.finishedAt)
          .toSorted()
          .at(-1) ?? '',
      seconds: sum((totals) => totals.seconds),
      spending: {
        requests: sum((totals) => totals.requests),
        promptTokens: sum((totals) => totals.promptTokens),
        generatedTokens: sum((totals) => totals.generatedTokens),
      },
      tokenization: records.find((record) => record.tokenization !== undefined)?.tokenization,
      tau: Math.max(...records.map((record) => record.controls.tau)),
    });
  } finally {
    player.close();
  }
}

async function play(
  player: TapePlayer,
  options: CampaignOptions,
  sink: RunSink,
  listener: RunListener,
  past: Past,
): Promise<Analysis> {
  const end = new AbortController();
  // An interrupted run's tape ends in the middle; there the campaign ends again.
  const target = new TapedTarget({
    player,
    ...(past.interrupted === undefined ? {} : { onMissing: () => end.abort() }),
  });
  const own = { ...options, signal: end.signal, tokenization: false };
  const record = await conduct(target, own, sink, listener, { past });
  return { record, missing: past.interrupted === undefined ? target.missing : 0 };
}

/** The gateway that a run was to test, as its command line named it. */
export function viaOf({ options }: Pick<TapeHeader, 'options'>): string | undefined {
  const via = options?.['via'];
  return typeof via === 'string' ? via : undefined;
}

function optionsOf({ plan }: TapeHeader): CampaignOptions {
  return {
    ...plan,
    strategies: strategiesNamed(plan.strategies),
    concurrency: CONCURRENCY,
    maxTimeMs: undefined,
    signal: new AbortController().signal,
  };
}

function refuseOther(was: TargetIdentity, is: TargetIdentity): void {
  const [before, now] = [factsOf(was), factsOf(is)];
  const other = Object.keys(before).find((name) => before[name] !== now[name]);
  if (other === undefined) return;
  throw new SeamstressError(
    'config',
    `the run was made against another target: its ${other} is ${before[other] ?? 'not told'}, this one's ${now[other] ?? 'not told'}`,
    { hint: 'Go on against the same server, or begin a new run.' },
  );
}

/** What makes a target another one; where it is reached does not. */
function factsOf(target: TargetIdentity): Record<string, string | undefined> {
  return {
    dialect: target.dialect,
    model: target.model,
    engine: target.engine.name,
    version: target.engine.version,
    build: target.engine.build,
    'chat template': target.chatTemplateSha256,
    tokenizer: target.tokenizerSha256,
  };
}

function refuseMixed(folders: readonly string[], headers: readonly TapeHeader[]): void {
  const [first] = headers;
  const of = first?.plan.shard?.of ?? 1;
  const seen = new Map<number, string>();
  for (const [i, header] of headers.entries()) {
    const folder = folders[i] ?? '';
    const index = header.plan.shard?.index;
    if (index === undefined) throw unfit(`${folder} is not a shard`);
    if (first === undefined || commonTo(header) !== commonTo(first))
      throw unfit(`${folder} is of another run than ${folders[0] ?? ''}`);
    const twice = seen.get(index);
    if (twice !== undefined) throw unfit(`${folder} and ${twice} are the same shard`);
    seen.set(index, folder);
  }
  const missing: number[] = [];
  for (let i = 1; i <= of && missing.length < NAMED; i++) if (!seen.has(i)) missing.push(i);
  if (missing.length > 0) throw unfit(`shard ${missing.join(', ')} of ${of} is missing`);
}

/** What all shards of a run share. */
function commonTo({ plan, target }: TapeHeader): string {
  return JSON.stringify([{ ...plan, shard: plan.shard?.of }, factsOf(target)]);
}

function unfit(message: string): SeamstressError {
  return new SeamstressError('config', message, {
    hint: 'Give every shard of one run once: --shard 1/N to --shard N/N with the same other options.',
  });
}
