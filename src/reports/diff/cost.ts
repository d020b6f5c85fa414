/** What two runs cost, side by side. */
import type { CostDiff } from './types.ts';
import type { CacheRow, RunRecord } from '../record.ts';

/** Requests and tokens are the engine's and the plan's; times are the machine's as well. */
export function diffCosts(a: RunRecord, b: RunRecord): CostDiff[] {
  const strategies = a.cache
    .map(({ strategy }) => strategy)
    .filter((name) => b.cache.some(({ strategy }) => strategy === name));
  return [
    ...row(a, b, 'seams', '', ({ totals }) => totals.seams),
    ...row(a, b, 'resumed for real', 'seams', ({ totals }) => totals.resumed),
    ...row(a, b, 'requests', '', ({ totals }) => totals.requests),
    ...row(a, b, 'prompt', 'tokens', ({ totals }) => totals.promptTokens),
    ...row(a, b, 'generated', 'tokens', ({ totals }) => totals.generatedTokens),
    ...row(a, b, 'time', 's', ({ totals }) => totals.seconds, true),
    ...row(
      a,
      b,
      'requests in a second',
      '',
      ({ totals }) => (totals.seconds === 0 ? undefined : totals.requests / totals.seconds),
      true,
    ),
    ...strategies.flatMap((name) => [
      ...row(a, b, `taken from the cache, ${name}`, '% of the prompt, median', (record) =>
        percent(cacheOf(name)(record)?.reused?.median),
      ),
      ...row(
        a,
        b,
        `first event of a warm resume, ${name}`,
        'ms, median',
        (record) => cacheOf(name)(record)?.warmFirstEventMs,
        true,
      ),
    ]),
  ];
}

function row(
  a: RunRecord,
  b: RunRecord,
  what: string,
  unit: string,
  read: (record: RunRecord) => number | undefined,
  machineDependent = false,
): CostDiff[] {
  const [left, right] = [read(a), read(b)];
  if (left === undefined || right === undefined) return [];
  const ratio = left === 0 ? undefined : right / left;
  return [{ what, unit, a: left, b: right, ratio, machineDependent }];
}

function cacheOf(name: string): (record: RunRecord) => CacheRow | undefined {
  return (record) => record.cache.find(({ strategy }) => strategy === name);
}

function percent(share: number | undefined): number | undefined {
  return share === undefined ? undefined : share * 100;
}
