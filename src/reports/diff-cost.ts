/** What two runs cost, side by side. */
import type { CostDiff } from './diff-types.ts';
import type { RunRecord } from './record.ts';

/** Requests and tokens are the engine's and the plan's; times are the machine's as well. */
export function diffCosts(a: RunRecord, b: RunRecord): CostDiff[] {
  const row = (
    what: string,
    unit: string,
    read: (record: RunRecord) => number | undefined,
    machineDependent = false,
  ): CostDiff[] => {
    const [left, right] = [read(a), read(b)];
    if (left === undefined || right === undefined) return [];
    const ratio = left === 0 ? undefined : right / left;
    return [{ what, unit, a: left, b: right, ratio, machineDependent }];
  };
  const strategies = a.cache
    .map(({ strategy }) => strategy)
    .filter((name) => b.cache.some(({ strategy }) => strategy === name));
  const cacheOf = (name: string) => (record: RunRecord) =>
    record.cache.find(({ strategy }) => strategy === name);
  return [
    ...row('seams', '', ({ totals }) => totals.seams),
    ...row('resumed for real', 'seams', ({ totals }) => totals.resumed),
    ...row('requests', '', ({ totals }) => totals.requests),
    ...row('prompt', 'tokens', ({ totals }) => totals.promptTokens),
    ...row('generated', 'tokens', ({ totals }) => totals.generatedTokens),
    ...row('time', 's', ({ totals }) => totals.seconds, true),
    ...row(
      'requests in a second',
      '',
      ({ totals }) => (totals.seconds === 0 ? undefined : totals.requests / totals.seconds),
      true,
    ),
    ...strategies.flatMap((name) => [
      ...row(`taken from the cache, ${name}`, '% of the prompt, median', (record) =>
        percent(cacheOf(name)(record)?.reused?.median),
      ),
      ...row(
        `first event of a warm resume, ${name}`,
        'ms, median',
        (record) => cacheOf(name)(record)?.warmFirstEventMs,
        true,
      ),
    ]),
  ];
}

function percent(share: number | undefined): number | undefined {
  return share === undefined ? undefined : share * 100;
}
