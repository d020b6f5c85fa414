/** What a baseline makes of a run, as lines for a terminal. */
import { visible } from '../../tokens/text.ts';
import type { AppliedBaseline, FreshFinding, KnownFinding } from './baseline.ts';

/** Nothing where there is nothing to tell. */
export function baselineLines({
  known,
  fresh,
  expired,
  vanished,
  untested,
}: AppliedBaseline): string[] {
  return [
    `baseline: ${known.length} known, ${fresh.length} new`,
    ...fresh.map((one) => `  new: ${visible(one.finding.id)}${why(one)}`),
    ...expired.map(
      (entry) => `  expired on ${entry.expires}: ${nameOf(entry)} · ${visible(entry.owner)}`,
    ),
    ...vanished.map((entry) => `  gone, its entry can be removed: ${nameOf(entry)}`),
    ...untested.map((entry) => `  not tested, so nothing is known of it: ${nameOf(entry)}`),
  ];
}

function why({ why: kind, places }: FreshFinding): string {
  if (kind === 'expired') return ', since its entry has expired';
  return kind === 'elsewhere' ? `, known elsewhere but not in ${visible(places.join(', '))}` : '';
}

function nameOf({ cause, detail, phase, strategy }: KnownFinding): string {
  return visible(
    [cause, detail, phase, strategy]
      .filter((part) => part !== undefined && part !== '')
      .join(' · '),
  );
}
