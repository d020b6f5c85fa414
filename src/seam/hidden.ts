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
   * Each gap is gone on with by the token that the stream tells behind it, and where there is no gap
   * the first token is asked for.
   */
  readonly checked: boolean;
  /** Candidates asked for at each position. */
  readonly top: number;
}

/** Longer stretches are no markup. */
const MOST_HIDDEN = 16;

/** A stretch of the answer that is asked for. */
interface Gap {
  /** How many tokens the stream tells before it. */
  readonly told: number;
  readonly length: number;
  /** What the stream tells behind it; undefined at the end. */
  readonly next: PlacedToken | undefined;
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
  const tooLong = answer.tokens.length === 0 || gaps.some(({ length }) => length > MOST_HIDDEN);
  if (filling.checked && tooLong) return undefined;
  const tokens: TokenEvent[] = [];
  let told = 0;
  for (const gap of gaps) {
    tokens.push(...answer.tokens.slice(told, gap.told));
    const hidden = await fill(target, [...prompt, ...idsOf(tokens)], gap, filling, signal);
    if (hidden === undefined) return undefined;
    tokens.push(...hidden);
    if (gap.next !== undefined) tokens.push(withoutCarried(gap.next, hidden));
    told = gap.told + 1;
  }
  return [...tokens, ...answer.tokens.slice(told)];
}

/** What a stream does not tell; with `checked` the start of the answer at least, where nothing is hidden. */
function gapsOf({ tokens, generated }: Answer, checked: boolean): Gap[] {
  const gaps: Gap[] = [];
  let place = 0;
  for (const [told, next] of [...tokens.entries(), [tokens.length, undefined] as const]) {
    const at = next?.place ?? generated + 1;
    const length = at - 1 - place;
    if (length > 0) gaps.push({ told, length, next });
    place = at;
  }
  return gaps.length === 0 && checked ? [{ told: 0, length: 0, next: tokens[0] }] : gaps;
}

async function fill(
  target: Target,
  context: readonly number[],
  { length, next }: Gap,
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
    if (hidden.length === length && leads && isMarkup(hidden)) return hidden;
  }
  return undefined;
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
