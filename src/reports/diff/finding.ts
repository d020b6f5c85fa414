/** One finding in two runs: new, fixed, changed, unchanged, or not to be told. */
import { CAUSES } from '../../diagnosis/causes.ts';
import { VERDICTS } from '../../checks/verdict.ts';
import { conclusive } from '../matrix.ts';
import type { Counted, Places } from './common.ts';
import { compareShares, familyZ, type Share } from './rates.ts';
import type { FindingDiff, FindingPlace, Status } from './types.ts';
import type { Finding, RunRecord } from '../record.ts';

interface Seen {
  readonly finding: Finding;
  readonly places: Places;
}

/** Where a finding was seen; at least one side is there. */
export interface Occurrence {
  readonly a?: Seen;
  readonly b?: Seen;
}

export function diffFinding({ a, b }: Occurrence, runA: Counted, runB: Counted): FindingDiff {
  const finding = (b ?? a)?.finding;
  if (finding === undefined) throw new Error('a finding of neither run');
  const places = placesOf(a, b, runA, runB);
  const { status, changes } =
    a === undefined
      ? appeared(places, runA)
      : b === undefined
        ? vanished(places, runA, runB)
        : compared(a.finding, b.finding, places, runA, runB);
  return {
    status,
    cause: finding.cause,
    detail: finding.detail,
    culprit: finding.culprit,
    title: CAUSES[finding.cause].title,
    verdict: { a: a?.finding.verdict, b: b?.finding.verdict },
    check: { a: a?.finding.check, b: b?.finding.check },
    id: { a: a?.finding.id, b: b?.finding.id },
    places,
    changes,
    replay: finding.replay.command,
  };
}

function placesOf(
  a: Seen | undefined,
  b: Seen | undefined,
  runA: Counted,
  runB: Counted,
): FindingPlace[] {
  const share = (seen: Seen | undefined, run: Counted, place: string): Share | undefined => {
    const of = conclusive(run.cells.get(place)?.verdicts);
    return of === 0 ? undefined : { count: seen?.places.get(place) ?? 0, of };
  };
  const names = new Set([...(a?.places.keys() ?? []), ...(b?.places.keys() ?? [])]);
  return [...names].flatMap((place) => {
    const cell = runA.cells.get(place) ?? runB.cells.get(place);
    if (cell === undefined) return [];
    const { phase, strategy } = cell;
    return [{ phase, strategy, a: share(a, runA, place), b: share(b, runB, place) }];
  });
}

const nameOf = ({ phase, strategy }: FindingPlace): string => `${phase}/${strategy}`;

/** A finding of a scenario or strategy that the other run did not have. */
export function diffUntested(finding: Finding, side: 'a' | 'b', run: Counted): FindingDiff {
  const places = finding.where.map(({ phase, strategy, count }) => {
    const cell = run.record.totals.matrix.find(
      (one) => one.phase === phase && one.strategy === strategy,
    );
    const share = { count, of: Math.max(count, conclusive(cell?.verdicts)) };
    return { phase, strategy, [side]: share };
  });
  return {
    status: side === 'a' ? 'untested-now' : 'untested-before',
    cause: finding.cause,
    detail: finding.detail,
    culprit: finding.culprit,
    title: CAUSES[finding.cause].title,
    verdict: { [side]: finding.verdict },
    check: { [side]: finding.check },
    id: { [side]: finding.id },
    places,
    changes: [`${side === 'a' ? 'B' : 'A'} has not its scenarios or strategies`],
    replay: finding.replay.command,
  };
}

interface Judged {
  readonly status: Status;
  readonly changes: readonly string[];
}

function appeared(places: readonly FindingPlace[], runA: Counted): Judged {
  const before = places.filter((place) => place.a !== undefined);
  if (before.length === 0) return { status: 'untested-before', changes: ['A did not test there'] };
  const verdicts = VERDICTS.flatMap((verdict) => {
    const count = before.reduce(
      (sum, place) => sum + (runA.cells.get(nameOf(place))?.verdicts[verdict] ?? 0),
      0,
    );
    return count === 0 ? [] : [`${verdict} ${count}`];
  });
  return { status: 'new', changes: [`before, in its places: ${verdicts.join(', ')}`] };
}

function vanished(places: readonly FindingPlace[], runA: Counted, runB: Counted): Judged {
  const untested = places.filter((place) => place.b === undefined).map(nameOf);
  if (untested.length > 0)
    return {
      status: 'untested-now',
      changes: [
        ...(untested.length < places.length ? ['gone where B tested'] : []),
        `B has no verdict in ${untested.join(', ')}`,
      ],
    };
  if (exhaustive(runA.record, runB.record)) return { status: 'fixed', changes: [] };
  const z = familyZ(places.length);
  const sure = places.some(
    (place) => place.a && place.b && compareShares(place.a, place.b, z).news,
  );
  return sure
    ? { status: 'fixed', changes: [] }
    : {
        status: 'not-seen',
        changes: ['so rare in A that a sample without it does not say that it is gone'],
      };
}

function compared(
  a: Finding,
  b: Finding,
  places: readonly FindingPlace[],
  runA: Counted,
  runB: Counted,
): Judged {
  const facts = exhaustive(runA.record, runB.record);
  const alike = lookAlike(runA.record, runB.record);
  const z = familyZ(places.length);
  const changes = [
    ...(alike && a.verdict !== b.verdict ? [`${a.verdict} → ${b.verdict}`] : []),
    ...(alike && a.check !== b.check
      ? [`shown by the ${a.check} check → the ${b.check} check`]
      : []),
    ...places.flatMap((place) => {
      const { a: left, b: right } = place;
      if (left === undefined || right === undefined) return [];
      const numbers = `${nameOf(place)}: ${left.count} of ${left.of} → ${right.count} of ${right.of}`;
      if (facts && left.count === 0) return [`now also in ${numbers}`];
      if (facts && right.count === 0) return [`no longer in ${numbers}`];
      return compareShares(left, right, z).news ? [numbers] : [];
    }),
  ];
  return { status: changes.length === 0 ? 'unchanged' : 'changed', changes };
}

/** False where one of them compared prompts alone, which gives no more than drift, and the other did not. */
export function lookAlike(a: RunRecord, b: RunRecord): boolean {
  return a.plan.compare > 0 === b.plan.compare > 0;
}

/**
 * Whether every cut of the same texts was judged by engines that agree with themselves: then a
 * single seam that differs is a fact. Otherwise both are samples, and chance has to be ruled out.
 */
function exhaustive(a: RunRecord, b: RunRecord): boolean {
  return [a, b].every(
    ({ plan, controls }) =>
      plan.mode === 'sweep' &&
      plan.cuts === 'all' &&
      plan.compare > 0 &&
      controls.repeatDisagreements === 0,
  );
}
