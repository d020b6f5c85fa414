/**
 * The sweep under a round trip: for each cut of a sequence of ids, whether its text encodes to the
 * same ids again. Only what follows the last place where the text may be taken apart is encoded
 * anew (see `boundaries.ts`); the answers are those of encoding each prefix whole.
 */
import { layOut } from './layout.ts';
import type { Layout } from './layout.ts';
import { classify } from './roundTripClass.ts';
import type { RoundTripClass } from './roundTripClass.ts';
import { visible } from './text.ts';
import type { LocalTokenizer } from './tokenizer.ts';

/** A cut whose text encodes to other ids. */
export interface Failure {
  /** Ids kept, without those of the header. */
  readonly k: number;
  readonly class: RoundTripClass;
  /** True: the ids never come back, however the text goes on. False: they do, so the cut did it. */
  readonly nonCanonical: boolean;
  /** Made when it is asked for; absent for a failure that an earlier one explains. */
  readonly example: (() => FailureExample) | undefined;
}

export interface FailureExample {
  /** The end of the text, made visible. */
  readonly tail: string;
  /** Some ids around the first difference; `expected` is what the model generated. */
  readonly expected: readonly number[];
  readonly actual: readonly number[];
}

export interface Sweep {
  readonly counts: {
    /** Cuts tested. */
    readonly cuts: number;
    /** Cuts left out when the budget was spent. */
    readonly untested: number;
    /** Tested cuts whose text ends in white space. */
    readonly endsInWhitespace: number;
  };
  /** In the order of their cuts. */
  readonly failures: readonly Failure[];
  /** UTF-16 units that were encoded. */
  readonly spent: number;
  /**
   * Element k: the boundary that the sweep had reached before cut k, in ids after the header, or
   * -1 where what follows depends on more than that.
   */
  readonly anchors: Int32Array;
  /** The first cut that the budget did not reach. */
  readonly untestedFrom: number;
}

export interface SweepOptions {
  /** The ids that encoding the header's text gives. */
  readonly header?: readonly number[];
  /** Cuts to count; all by default. */
  readonly wanted?: ReadonlySet<number> | undefined;
  /** UTF-16 units to encode at most. */
  readonly budget: number;
  /**
   * The sweep of the same ids and cuts without the header. Once both have reached the same
   * boundary the header no longer matters, and the rest is taken from there.
   */
  readonly alone?: Sweep | undefined;
}

interface Judged extends Failure {
  class: RoundTripClass;
  nonCanonical: boolean;
}

/** A failing cut that isn't known yet to be the cut's fault, and where its ids first differ. */
interface Pending extends Judged {
  readonly differsAt: number;
}

/**
 * Sweeps over all cuts. It yields after each text that it encodes, so that a caller can let go of
 * the thread, or stop; `finish` runs it to its end.
 */
export function* sweep(
  tokenizer: LocalTokenizer,
  ids: readonly number[],
  { header = [], wanted, budget, alone }: SweepOptions,
): Generator<undefined, Sweep, void> {
  const layout = layOut(tokenizer, [...header, ...ids]);
  const counts = { cuts: 0, untested: 0, endsInWhitespace: 0 };
  const failures: Judged[] = [];
  const anchors = new Int32Array(ids.length + 1).fill(-1);
  let pending: Pending[] = [];
  /** Tokens that are known to come back, up to a boundary of the text. */
  let anchor = 0;
  /** Set once ids differ in a part of the text that nothing after it can change. */
  let settled: Pending | undefined;
  let spent = 0;
  let untestedFrom = ids.length + 1;
  /** Failures without the header that lie before the cut; only followed once the two have met. */
  let met = false;
  let seen = 0;

  /** Judges what is pending, once ids are known to be wrong from an index on, or nowhere. */
  const resolve = (wrongFrom: number): void => {
    // The shortest text shows the cause best; later ones only have more after it.
    const cause = pending.find((failure) => failure.differsAt === wrongFrom)?.class;
    for (const failure of pending) {
      failure.nonCanonical = header.length + failure.k > wrongFrom;
      if (!failure.nonCanonical) continue;
      if (failure.differsAt === wrongFrom) failure.class = cause ?? failure.class;
      // Beside the header it is the seam that changes the ids, whatever the model generates.
      if (failure.differsAt >= header.length && VAGUE.has(failure.class))
        failure.class = 'non-canonical';
    }
    pending = [];
  };

  for (let k = 0; k <= ids.length; k++) {
    const count = header.length + k;
    const end = layout.ends[count] ?? 0;
    const asked = wanted === undefined || wanted.has(k);
    if (spent > budget || (met && k >= (alone?.untestedFrom ?? 0))) {
      untestedFrom = Math.min(untestedFrom, k);
      if (asked) counts.untested++;
      continue;
    }
    if (asked) {
      counts.cuts++;
      if (end >= 0 && /\s$/u.test(layout.text.slice(Math.max(0, end - 2), end)))
        counts.endsInWhitespace++;
    }
    const clean = pending.length === 0 && settled === undefined;
    const reached = anchor - header.length;
    if (clean) anchors[k] = reached;
    if (alone !== undefined && !met && clean && reached > 0 && alone.anchors[k] === reached) {
      met = true;
      seen = alone.failures.findIndex((failure) => failure.k >= k);
    }
    if (met) {
      const failure = alone?.failures[seen];
      if (failure?.k === k) {
        failures.push({ ...failure });
        seen++;
      }
      continue;
    }
    if (end < 0) {
      const broken = end === layout.broken;
      if (asked) failures.push({ k, class: 'mid-utf8', nonCanonical: broken, example: undefined });
      continue;
    }
    if (settled !== undefined) {
      if (asked) failures.push({ k, class: settled.class, nonCanonical: true, example: undefined });
      continue;
    }
    const from = layout.ends[anchor] ?? 0;
    const actual = encodeFrom(tokenizer, layout.text, from, end);
    spent += end - from + 1;
    yield;
    const differs = firstDifference(actual, layout.ids, anchor, count);
    if (differs === undefined) {
      resolve(Number.POSITIVE_INFINITY);
      anchor = nextAnchor(tokenizer, layout, anchor, count);
      continue;
    }
    const failure: Pending = {
      k,
      class: classify(tokenizer, layout, { from: anchor, differs, count, actual }),
      nonCanonical: false,
      differsAt: differs,
      example: exampleOf(layout, anchor, differs, count, actual),
    };
    pending.push(failure);
    if (asked) failures.push(failure);
    if (isSettled(tokenizer, layout, differs, end)) {
      resolve(differs);
      settled = failure;
    }
  }
  // What failed last failed with all the text there is.
  const last = pending.at(-1);
  if (last !== undefined) resolve(last.differsAt);
  return { counts, failures, spent, anchors, untestedFrom };
}

/** Runs steps to their end. */
export function finish<T>(steps: Generator<undefined, T, void>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Classes that only say what the tail looks like. */
const VAGUE: ReadonlySet<RoundTripClass> = new Set([
  'newline-run',
  'space-run',
  'punctuation-newline',
  'ignore-merges',
  'regex-alternation',
  'other',
]);

/** What whole encoding gives for `text[:end]` after the tokens before the boundary `from`. */
function encodeFrom(tokenizer: LocalTokenizer, text: string, from: number, end: number): number[] {
  const skipped = from > 0 && tokenizer.boundaries?.addsSpace === true ? 1 : 0;
  return tokenizer.encode(text.slice(from + skipped, end));
}

/** Index into `expected` of the first id that differs from `actual`, which starts at `from`. */
function firstDifference(
  actual: readonly number[],
  expected: readonly number[],
  from: number,
  to: number,
): number | undefined {
  const length = Math.max(actual.length, to - from);
  for (let i = 0; i < length; i++) {
    const wanted = from + i < to ? expected[from + i] : undefined;
    if (actual[i] !== wanted) return from + i;
  }
  return undefined;
}

/**
 * The last token boundary at which the text may be taken apart, given that the first `count`
 * tokens came back. The text has to go on after it: by the character that a look-ahead may read,
 * and by one more where that is the space which encoding puts there anyway.
 */
function nextAnchor(
  tokenizer: LocalTokenizer,
  layout: Layout,
  anchor: number,
  count: number,
): number {
  const end = layout.ends[count] ?? 0;
  const from = layout.ends[anchor] ?? 0;
  for (let i = count - 1; i > anchor; i--) {
    const at = layout.ends[i] ?? 0;
    if (at > from && isBoundary(tokenizer, layout.text, at, end)) return i;
  }
  return anchor;
}

function isBoundary(tokenizer: LocalTokenizer, text: string, at: number, end: number): boolean {
  const { boundaries } = tokenizer;
  if (boundaries === undefined || at <= 0 || at + (boundaries.addsSpace ? 2 : 1) > end)
    return false;
  return boundaries.separates(text[at - 1] ?? '', text[at] ?? '');
}

/** True when a boundary lies after the token that differs: the text beyond can't repair it. */
function isSettled(
  tokenizer: LocalTokenizer,
  layout: Layout,
  differs: number,
  end: number,
): boolean {
  let i = differs;
  while ((layout.ends[i] ?? 0) < 0) i++;
  for (let at = (layout.ends[i] ?? 0) + 1; at < end; at++)
    if (isBoundary(tokenizer, layout.text, at, end)) return true;
  return false;
}

function exampleOf(
  layout: Layout,
  from: number,
  differs: number,
  count: number,
  actual: readonly number[],
): () => FailureExample {
  return () => {
    const first = Math.max(0, differs - 2);
    const kept = Math.max(from, first);
    return {
      tail: visible(layout.text.slice(0, layout.ends[count]).slice(-24), { dots: true }),
      expected: layout.ids.slice(first, Math.min(count, differs + 4)),
      actual: [...layout.ids.slice(first, kept), ...actual.slice(kept - from, differs + 4 - from)],
    };
  };
}
