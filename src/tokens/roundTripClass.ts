/** Why a cut doesn't come back from its text: the kinds of failure that tokenizers are known for. */
import type { Layout } from './layout.ts';
import type { LocalTokenizer } from './tokenizer.ts';

export const ROUND_TRIP_CLASSES = [
  /** The cut goes through a character, or the bytes are no text. */
  'mid-utf8',
  /** Text that spells an added token, or a token that no text stands for. */
  'special-literal',
  /** The tokenizer normalizes the text before it encodes it. */
  'normalizer',
  /** Newlines at the end, which are split otherwise when something follows. */
  'newline-run',
  /** Spaces at the end, likewise. */
  'space-run',
  /** Punctuation and newlines at the end, likewise. */
  'punctuation-newline',
  /** The end is a token as a whole, which merges would not have built. */
  'ignore-merges',
  /** Another alternative of the splitting pattern matches the shorter text. */
  'regex-alternation',
  /** The space that encoding puts before a text, or decoding takes away. */
  'dummy-prefix',
  /** The ids are not those of their own text: the model did not generate the usual tokens. */
  'non-canonical',
  'other',
] as const;
export type RoundTripClass = (typeof ROUND_TRIP_CLASSES)[number];

/** A cut after `count` ids; from id `from` on, encoding gave `actual`, and id `differs` is not among them. */
export interface Difference {
  readonly from: number;
  readonly differs: number;
  readonly count: number;
  readonly actual: readonly number[];
}

/** Names a failing cut that ends between two characters, by what the ids and the text look like there. */
export function classify(
  tokenizer: LocalTokenizer,
  layout: Layout,
  difference: Difference,
): RoundTripClass {
  const { from, differs, count, actual } = difference;
  const wanted = differs < count ? layout.ids[differs] : undefined;
  const got = actual[differs - from];
  const end = layout.ends[count] ?? 0;
  let aligned = differs;
  while ((layout.ends[aligned] ?? 0) < 0) aligned--;
  const tail = layout.text.slice(layout.ends[aligned], end);

  if (end === 0)
    return wanted !== undefined && isOdd(tokenizer, wanted) ? 'special-literal' : 'dummy-prefix';
  if (wanted !== got && [wanted, got].some((id) => id !== undefined && isOdd(tokenizer, id)))
    return 'special-literal';
  if (tokenizer.normalize !== undefined && tokenizer.normalize(tail) !== tail) return 'normalizer';
  const before = layout.ids[differs - 1];
  const opensSection = before === undefined || tokenizer.isAdded(before);
  if (
    tokenizer.dropsFirstSpace &&
    opensSection &&
    [wanted, got].some((id) => startsWithSpace(tokenizer, id))
  )
    return 'dummy-prefix';
  if (/^\s+$/u.test(tail)) return /[\r\n]/.test(tail) ? 'newline-run' : 'space-run';
  if (/^\s*[^\s\p{L}\p{N}]+[\r\n]+$/u.test(tail)) return 'punctuation-newline';
  if (/[\p{L}\p{N}]/u.test(tail)) {
    const whole = actual.length < count - from;
    return tokenizer.ignoresMerges && whole ? 'ignore-merges' : 'regex-alternation';
  }
  return 'other';
}

function isOdd(tokenizer: LocalTokenizer, id: number): boolean {
  return tokenizer.isAdded(id) || tokenizer.isUnknown(id);
}

function startsWithSpace(tokenizer: LocalTokenizer, id: number | undefined): boolean {
  return id !== undefined && tokenizer.bytes(id)[0] === 0x20;
}
