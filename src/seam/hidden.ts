/**
 * The tokens that a chat stream hides: think tags, line breaks beside them, the beginnings of
 * characters, the end. Each gap between those that it tells is asked for by ids, from the prompt and
 * the tokens before it.
 */
import type { Answer, PlacedToken, Rendered, Target } from '../dialects/dialect.ts';
import { decodeWhole } from '../tokens/text.ts';
import { bytesOf, idsOf, type TokenEvent } from './generation.ts';
import { isMarkup } from './phases.ts';

/** How often an answer is asked for what it hides, and how much of it is held against the stream. */
export interface Filling {
  /** Tries for each gap: an engine that does not repeat itself may need several. */
  readonly tries: number;
  /**
   * Each gap must lead to the token that the stream tells behind it, and the last one to the end. The
   * first token is asked for too, so that the prompt is known to be the one that was answered.
   */
  readonly checked: boolean;
  /** Candidates asked for at each position. */
  readonly top: number;
}

/** Longer stretches are no markup. */
const MOST_HIDDEN = 16;

/** With more gaps than these, and one more for so many tokens, it costs less to ask for all of the answer. */
const MOST_GAPS = 4;
const TOKENS_A_GAP = 16;

/** A stretch of the answer that is asked for. */
interface Gap {
  /** How many tokens the stream tells before it. */
  readonly before: number;
  readonly length: number;
  /** What the stream tells behind it; undefined at the end. */
  readonly next: PlacedToken | undefined;
  /** True for the last one of an answer that was not cut short: it closes with a token without text. */
  readonly ends: boolean;
}

/** All tokens behind a stream; undefined when a gap is no markup, or is not followed by what the stream tells. */
export async function withHidden(
  target: Target,
  { ids: prompt }: Rendered,
  answer: Answer,
  filling: Filling,
  signal: AbortSignal,
): Promise<readonly TokenEvent[] | undefined> {
  const gaps = gapsOf(answer, filling.checked);
  if (filling.checked && !tellsEnough(answer, gaps)) return undefined;
  const tokens: TokenEvent[] = [];
  let taken = 0;
  for (const gap of gaps) {
    tokens.push(...answer.tokens.slice(taken, gap.before));
    const filled = await fill(target, [...prompt, ...idsOf(tokens)], gap, filling, signal);
    if (filled === undefined) return undefined;
    tokens.push(...filled);
    // By ids a control token has no text, which the stream may show: what was asked for counts.
    if (gap.next !== undefined && filled.length === gap.length)
      tokens.push(withoutCarried(gap.next, filled));
    taken = gap.before + 1;
  }
  return [...tokens, ...answer.tokens.slice(taken)];
}

function tellsEnough({ tokens, generated }: Answer, gaps: readonly Gap[]): boolean {
  const few = gaps.length <= MOST_GAPS + generated / TOKENS_A_GAP;
  return few && tokens.length > 0 && gaps.every(({ length }) => length <= MOST_HIDDEN);
}

/** What a stream does not tell; with `checked` also the start of the answer, where that is not hidden. */
function gapsOf({ tokens, generated, finish }: Answer, checked: boolean): Gap[] {
  const gaps: Gap[] = [];
  let place = 0;
  for (const [before, next] of [...tokens.entries(), [tokens.length, undefined] as const]) {
    const at = next?.place ?? generated + 1;
    const length = at - 1 - place;
    const ends = next === undefined && finish !== 'length';
    if (length > 0) gaps.push({ before, length, next, ends });
    place = at;
  }
  const start = { before: 0, length: 0, next: tokens[0], ends: false };
  return checked && gaps[0]?.before !== 0 ? [start, ...gaps] : gaps;
}

/** The tokens of a gap, and where they are checked the one behind it. */
async function fill(
  target: Target,
  context: readonly number[],
  { length, next, ends }: Gap,
  { tries, checked, top }: Filling,
  signal: AbortSignal,
): Promise<readonly TokenEvent[] | undefined> {
  const behind = checked && next !== undefined ? [next.id] : [];
  const maxTokens = length + behind.length;
  for (let time = 0; time < tries; time++) {
    const sampling = { maxTokens, top, cache: 'cold' } as const;
    const { tokens } = await target.complete(context, sampling, signal);
    const hidden = tokens.slice(0, length);
    const leads = idsOf(tokens.slice(length)).join() === behind.join();
    const whole = hidden.length === length && (!checked || !ends || hasEnd(hidden));
    if (whole && leads && isMarkup(hidden)) return tokens;
  }
  return undefined;
}

function hasEnd(tokens: readonly TokenEvent[]): boolean {
  return tokens.at(-1)?.bytes.length === 0;
}

/** llama.cpp tells the bytes of tokens that no character ended in with the token in which it does. */
function withoutCarried(token: TokenEvent, hidden: readonly TokenEvent[]): TokenEvent {
  const told = Buffer.from(token.bytes);
  for (let from = 0; from < hidden.length; from++) {
    const carried = bytesOf(hidden, from);
    const begins = told.subarray(0, carried.length).equals(carried);
    if (begins && told.length > carried.length && decodeWhole(carried).held > 0)
      return { ...token, bytes: new Uint8Array(told.subarray(carried.length)) };
  }
  return token;
}
