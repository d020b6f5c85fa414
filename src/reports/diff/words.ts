/** The words of a diff, the same in every report. Text of servers is not escaped here. */
import { plural } from '../matrix.ts';
import type {
  CostDiff,
  DiffSide,
  FindingDiff,
  FindingPlace,
  RateDiff,
  RecipeDiff,
  RunDiff,
  Status,
} from './types.ts';

/** A finding's cause and, where it has one, its detail. */
export function causeWords({ cause, detail }: Pick<FindingDiff, 'cause' | 'detail'>): string {
  return detail === '' ? cause : `${cause} ${detail}`;
}

export const STATUS_WORDS: Readonly<Record<Status, string>> = {
  new: 'new',
  'untested-before': 'not tested before',
  changed: 'changed',
  unchanged: 'unchanged',
  fixed: 'fixed',
  'not-seen': 'not seen again',
  'untested-now': 'not tested any more',
};

/** `2 new, 1 fixed`; what is new and known is told apart. */
export function countsOf(diff: RunDiff): string {
  const counts = new Map<string, number>();
  for (const { status, known } of diff.findings) {
    const word = known === undefined ? STATUS_WORDS[status] : `${STATUS_WORDS[status]} but known`;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts.size === 0
    ? 'no findings in either run'
    : [...counts].map(([word, count]) => `${count} ${word}`).join(', ');
}

/** What is new and not known. */
export function newsOf(diff: RunDiff): readonly FindingDiff[] {
  return diff.findings.filter(({ status, known }) => status === 'new' && known === undefined);
}

function doubt(which: string, { unfinished }: DiffSide): string[] {
  return unfinished === undefined ? [] : [`${which} is not conclusive: ${unfinished}`];
}

/** Why the diff is not the last word; empty when it is. */
export function doubts({ a, b }: RunDiff): string[] {
  return [...doubt('A', a), ...doubt('B', b)];
}

export function engineOf({ target: { engine, hops } }: Pick<DiffSide, 'target'>): string {
  return [engine.name, engine.build ?? engine.version, ...hops.map((hop) => `via ${hop}`)]
    .filter((part) => part !== undefined)
    .join(' ');
}

export function sideFacts({ target, startedAt, seams, findings, folder }: DiffSide): string[] {
  return [
    target.model,
    target.chatTemplateSha256 === undefined
      ? 'template unknown'
      : `template ${target.chatTemplateSha256.slice(0, 8)}…`,
    startedAt.slice(0, 16).replace('T', ' '),
    plural(seams, 'seam'),
    plural(findings, 'finding'),
    folder,
  ];
}

export function percent(rate: number): string {
  if (Number.isNaN(rate)) return '–';
  const value = rate * 100;
  return `${value === 0 || value === 100 ? value : value.toFixed(value < 1 || value > 99 ? 2 : 1)} %`;
}

function rateSide({ rate, low, high }: RateDiff['a']): string {
  return `${percent(rate)} (${bound(low)}–${bound(high)})`;
}

/** `drift 0 % (0–0.9) → 86.9 % (83–90)` */
export function rateWords({ verdict, a, b }: Pick<RateDiff, 'verdict' | 'a' | 'b'>): string {
  return `${verdict} ${rateSide(a)} → ${rateSide(b)}`;
}

function bound(rate: number): string {
  const value = rate * 100;
  return value === 0 || value === 100 ? String(value) : value.toFixed(value < 10 ? 1 : 0);
}

function share(one: FindingPlace['a']): string {
  return one === undefined ? 'not tested' : `${one.count} of ${one.of}`;
}

/** Where a finding is, and how often before and after. */
export function placeWords({ places }: FindingDiff, most = 6): string[] {
  const shown = places
    .slice(0, most)
    .map(({ phase, strategy, a, b }) => `${phase}/${strategy} ${share(a)} → ${share(b)}`);
  return places.length > most ? [...shown, `and ${places.length - most} more places`] : shown;
}

export function recipeWords({ phase, searched, ...sides }: RecipeDiff, side: 'a' | 'b'): string {
  const scores = sides[side];
  const name = scores[0]?.recipe;
  if (name === undefined) return searched[side] ? 'none' : 'not searched';
  const exact = scores.reduce((sum, score) => sum + score.exact, 0);
  const tried = scores.reduce((sum, score) => sum + score.tried, 0);
  const none = exact === tried ? '' : phase === 'everywhere' ? 'nearest ' : 'none, nearest ';
  return `${none}${name} (${exact}/${tried})`;
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}

/** A row of the table of costs. */
export function costWords({ what, unit, a, b, ratio, machineDependent }: CostDiff): {
  readonly what: string;
  readonly a: string;
  readonly b: string;
  readonly change: string;
} {
  return {
    what: `${what}${unit === '' ? '' : ` (${unit})`}${machineDependent ? ' *' : ''}`,
    a: short(a),
    b: short(b),
    change: ratio === undefined ? '' : `× ${ratio.toFixed(2)}`,
  };
}

export const MACHINE_NOTE =
  '* depends on the machine and on what else it did, so it is no evidence';

/** How the rates are to be read. */
export function ratesNote(diff: RunDiff): string {
  const quiet = diff.rates.filter(({ news }) => !news).length;
  const told = `${quiet} of ${diff.rates.length} rates do not differ more than chance explains`;
  return `${told}; intervals are so wide that one diff of two equal builds in twenty shows a difference`;
}
