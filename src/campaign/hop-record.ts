/** The gateways of a run in its record: what they did, or that it was not tested and why. */
import type { HopsReport } from '../reports/hops.ts';
import type { RunRecord } from '../reports/record.ts';

/** What is said of a gateway that was not tested; one entry of `notTested`. */
const WHAT = 'resumes through the gateway';

/** The record with its hops. Scenarios that the test did not come to are named as not tested. */
export function withHops(record: RunRecord, hops: HopsReport): RunRecord {
  const left = hops.unreached ?? 0;
  const names = hops.hops.map(({ name, version }) => `${name} ${version}`);
  return {
    ...record,
    target: { ...record.target, hops: names },
    hops,
    notTested: [
      ...others(record),
      ...(left === 0
        ? []
        : [
            {
              what: `scenarios: ${WHAT} ${names.join(' → ')}`,
              why: 'the test was stopped',
              count: left,
            },
          ]),
    ],
  };
}

/** The record of a run that was to test a gateway, and did not. */
export function withoutHops(record: RunRecord, via: string, why: string): RunRecord {
  return { ...record, notTested: [...others(record), { what: `${WHAT} ${via}`, why }] };
}

/** What an earlier record of the run knows of its gateway, for a record that is made without one. */
export function carryHops(
  record: RunRecord,
  earlier: readonly RunRecord[],
  via: string | undefined,
): RunRecord {
  const [best] = earlier
    .flatMap(({ hops }) => (hops === undefined ? [] : [hops]))
    .toSorted((a, b) => (a.unreached ?? 0) - (b.unreached ?? 0));
  if (best !== undefined) return withHops(record, best);
  if (via === undefined) return record;
  const said = earlier
    .flatMap(({ notTested }) => notTested)
    .find(({ what }) => what === `${WHAT} ${via}`);
  return withoutHops(record, via, said?.why ?? 'the run ended before it');
}

/** Whether a run with a gateway has not tested it, or not with all its scenarios. */
export function lacksHops({ hops }: Pick<RunRecord, 'hops'>): boolean {
  return hops === undefined || (hops.unreached ?? 0) > 0;
}

/** Why a run's gateway is not to be tested now; undefined when it is. */
export function whyNoHops(
  { interrupted }: Pick<RunRecord, 'interrupted'>,
  shard: { readonly index: number } | undefined,
  limited: boolean,
): string | undefined {
  if (shard !== undefined && shard.index > 1) return 'shard 1 tests it';
  if (limited) return 'what it asks cannot be counted against the limits of the run';
  if (interrupted === 'target-lost') return 'the target was lost';
  return interrupted === 'signal' ? 'the run was stopped before it' : undefined;
}

function others({ notTested }: RunRecord): RunRecord['notTested'] {
  return notTested.filter(({ what }) => !what.includes(WHAT));
}
