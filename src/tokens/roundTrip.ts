/**
 * The round trip: does encoding the text of a generation's first k tokens give these tokens back?
 * Where it doesn't, a client that resumes with text can't restore what the model had seen.
 */
import { layOut } from './layout.ts';
import type { Layout } from './layout.ts';
import { classify } from './roundTripClass.ts';
import type { RoundTripClass } from './roundTripClass.ts';
import { visible } from './text.ts';
import type { LocalTokenizer } from './tokenizer.ts';

export interface RoundTripReport {
  /** Cuts tested. */
  readonly cuts: number;
  /** Cuts left out, because the tokenizer is of a kind that makes them too costly. */
  readonly untested: number;
  /** Cuts whose text encodes to other ids, after the header if there is one. */
  readonly notIdempotent: number;
  /** The same for the text by itself, without the header. */
  readonly notIdempotentAlone: number;
  readonly byClass: Readonly<Partial<Record<RoundTripClass, number>>>;
  /** Cuts whose text ends in white space, which many templates trim. */
  readonly endsInWhitespace: number;
  /** Failing cuts whose ids do come back when the text goes on. */
  readonly cutInduced: number;
  /** Failing cuts whose ids never come back, however the text goes on. */
  readonly nonCanonical: number;
  /** False when the header's own text encodes to other ids; the cuts are then judged after those. */
  readonly headerCanonical: boolean;
  /** The earliest failures, at most three of each class. */
  readonly examples: readonly RoundTripExample[];
}

interface RoundTripExample {
  readonly class: RoundTripClass;
  readonly k: number;
  /** The end of the text, made visible. */
  readonly tail: string;
  /** Some ids around the first difference; `expected` is what the model generated. */
  readonly expected: readonly number[];
  readonly actual: readonly number[];
}

export interface RoundTripOptions {
  /** Ids of the prompt before the generation. */
  readonly header?: readonly number[];
  /** Cuts to count, 0 to the number of ids; all by default. */
  readonly cuts?: 'all' | readonly number[];
  /** UTF-16 units to encode at most; what is left then counts as untested. Default: 64 million. */
  readonly budget?: number;
}

const EXAMPLES = 3;
const DEFAULT_BUDGET = 64_000_000;

/**
 * Tests each cut k of a generation: encode(text of header and ids[:k]) = header + ids[:k]?
 *
 * Only what follows the last place where the text may be taken apart is encoded anew (see
 * `boundaries.ts`), so the time grows with the length of the text and not with its square. The
 * answers are those of encoding each prefix whole. A tokenizer without such places is encoded
 * whole, as far as the budget goes.
 */
export function roundTrip(
  tokenizer: LocalTokenizer,
  ids: readonly number[],
  options: RoundTripOptions = {},
): RoundTripReport {
  const { header = [], cuts = 'all', budget = DEFAULT_BUDGET } = options;
  const wanted = cuts === 'all' ? undefined : new Set(cuts);
  const start = header.length === 0 ? [] : tokenizer.encode(tokenizer.decode(header));
  const { counts, failures } = sweep(tokenizer, ids, start, wanted, budget);
  const alone = header.length === 0 ? failures : sweep(tokenizer, ids, [], wanted, budget).failures;
  const byClass: Partial<Record<RoundTripClass, number>> = {};
  const examples: RoundTripExample[] = [];
  for (const failure of failures) {
    const name = failure.class;
    byClass[name] = (byClass[name] ?? 0) + 1;
    if (failure.example !== undefined && byClass[name] <= EXAMPLES)
      examples.push({ class: name, k: failure.k, ...failure.example() });
  }
  const nonCanonical = failures.filter((failure) => failure.nonCanonical).length;
  return {
    ...counts,
    notIdempotent: failures.length,
    notIdempotentAlone: alone.length,
    byClass,
    cutInduced: failures.length - nonCanonical,
    nonCanonical,
    headerCanonical: start.length === header.length && start.every((id, i) => id === header[i]),
    examples,
  };
}

interface Failure {
  readonly k: number;
  class: RoundTripClass;
  nonCanonical: boolean;
  readonly example: (() => Pick<RoundTripExample, 'tail' | 'expected' | 'actual'>) | undefined;
}

/** A failing cut that isn't known yet to be the cut's fault, and where its ids first differ. */
interface Pending extends Failure {
  readonly differsAt: number;
}

interface Sweep {
  readonly counts: { cuts: number; untested: number; endsInWhitespace: number };
  readonly failures: Failure[];
}

function sweep(
  tokenizer: LocalTokenizer,
  ids: readonly number[],
  header: readonly number[],
  wanted: ReadonlySet<number> | undefined,
  budget: number,
): Sweep {
  const layout = layOut(tokenizer, [...header, ...ids]);
  const counts = { cuts: 0, untested: 0, endsInWhitespace: 0 };
  const failures: Failure[] = [];
  let pending: Pending[] = [];
  /** Tokens that are known to come back, up to a boundary of the text. */
  let anchor = 0;
  /** Set once ids differ in a part of the text that nothing after it can change. */
  let settled: Pending | undefined;
  let spent = 0;

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
    if (spent > budget) {
      if (asked) counts.untested++;
      continue;
    }
    if (asked) {
      counts.cuts++;
      if (end >= 0 && /\s$/u.test(layout.text.slice(Math.max(0, end - 2), end)))
        counts.endsInWhitespace++;
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
  return { counts, failures };
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
): Failure['example'] {
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
