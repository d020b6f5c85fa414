/**
 * Cache behaviour: a generation is really cut with the cache on, resumed at once, and resumed
 * again cold. What the server says it took from its cache, beside what a resume by ids takes,
 * tells whether a strategy throws the work of the first part away.
 */
import type { Target, Usage } from '../dialects/dialect.ts';
import type { CacheRow } from '../reports/record.ts';
import { requestOf } from '../seam/generate.ts';
import { EMPTY_VIEW } from '../seam/generation.ts';
import type { Strategy } from '../seam/strategy.ts';
import { keptIds, type Subject } from '../seam/subject.ts';
import type { Subjects } from './shelf.ts';
import { median } from './whitespace.ts';

/** Scenarios that are tried; each costs three short answers a strategy. */
const SCENARIOS = 4;
/** A resume that reuses less than this share of what a resume by ids reuses has lost the cache. */
const DISCARDED = 0.5;

const USE = 'cache ';

/** True for the requests made here: what they show depends on the server having been asked the ones before. */
export function isCacheUse(use: string): boolean {
  return use.startsWith(USE);
}

interface Measured {
  /** Share of the prompt from the cache; undefined where the server does not tell. */
  readonly reused: number | undefined;
  /** The same of a resume by ids, which no template or tokenizer can spoil. */
  readonly possible: number | undefined;
  readonly warmMs: number | undefined;
  readonly coldMs: number | undefined;
}

/** One row a strategy that sends messages; strategies that were refused or failed everywhere have none. */
export async function measureCache(
  target: Target,
  subjects: Subjects,
  strategies: readonly Strategy[],
  signal: AbortSignal,
): Promise<CacheRow[]> {
  const rows: CacheRow[] = [];
  for (const strategy of strategies) {
    const measured: Measured[] = [];
    for (let i = 0; i < Math.min(SCENARIOS, subjects.length); i++) {
      const subject = subjects.at(i) as Subject;
      const one = await measure(target, subject, strategy, signal);
      if (one !== undefined) measured.push(one);
    }
    if (measured.length > 0) rows.push(rowOf(strategy.name, measured));
  }
  return rows;
}

async function measure(
  target: Target,
  subject: Subject,
  strategy: Strategy,
  signal: AbortSignal,
): Promise<Measured | undefined> {
  const { generation, markup, views } = subject;
  const k = Math.floor((generation.length * 3) / 4);
  const view = views[k] ?? EMPTY_VIEW;
  if (k === 0 || strategy.loses(view) || generation.given !== undefined) return undefined;
  const resume = strategy.resume({ generation, markup, k, view });
  if (resume.kind !== 'chat') return undefined;
  const ask = { maxTokens: 1, top: 0 } as const;
  const read = (use: string) => ({ signal, use: `${USE}${strategy.name} ${use}` });
  try {
    const first = { maxTokens: k, top: 0, cache: 'warm' } as const;
    await target.chat(requestOf(generation.scenario), first, read('cut'));
    const warm = await target.chat(resume.request, { ...ask, cache: 'warm' }, read('warm'));
    const cold = await target.chat(resume.request, { ...ask, cache: 'cold' }, read('cold'));
    await target.chat(requestOf(generation.scenario), first, read('cut again'));
    const control = await target.complete(
      keptIds(generation, k),
      { ...ask, cache: 'warm' },
      signal,
    );
    return {
      reused: reuse(warm.usage),
      possible: reuse(control.usage),
      warmMs: warm.timing.firstEventMs,
      coldMs: cold.timing.firstEventMs,
    };
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
}

function reuse({ cachedTokens, promptTokens }: Usage): number | undefined {
  return cachedTokens === undefined || promptTokens === undefined || promptTokens === 0
    ? undefined
    : Math.min(1, cachedTokens / promptTokens);
}

function isDiscarded({ reused, possible }: Measured): boolean {
  return reused !== undefined && possible !== undefined && reused < DISCARDED * possible;
}

function rowOf(strategy: string, measured: readonly Measured[]): CacheRow {
  const reused = measured.flatMap((one) => one.reused ?? []);
  const possible = measured.flatMap((one) => one.possible ?? []);
  const warm = measured.flatMap(({ warmMs }) => warmMs ?? []);
  const cold = measured.flatMap(({ coldMs }) => coldMs ?? []);
  return {
    strategy,
    resumes: measured.length,
    discarded: measured.filter(isDiscarded).length,
    ...(possible.length === 0 ? {} : { possible: share(median(possible)) }),
    ...(reused.length === 0
      ? {}
      : { reused: { median: share(median(reused)), min: share(Math.min(...reused)) } }),
    ...(warm.length === 0 ? {} : { warmFirstEventMs: ms(median(warm)) }),
    ...(cold.length === 0 ? {} : { coldFirstEventMs: ms(median(cold)) }),
  };
}

function share(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

function ms(value: number): number {
  return Math.round(value * 100) / 100;
}
