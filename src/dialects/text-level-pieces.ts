/**
 * Tokens of a stream that tells no ids. A piece is the least that a client can be cut at: a token
 * whose text the server tells, else an event's text as it came, since servers send whole tokens.
 * What came in one large event is divided into words. A local tokenizer divides better.
 */
import { createHash } from 'node:crypto';
import { packed, type Candidate } from '../seam/candidates.ts';
import type { Delta, ToolCallDelta } from '../seam/generation.ts';
import type { LocalTokenizer } from '../tokens/tokenizer.ts';
import type { PlacedToken } from './dialect.ts';

/** A token that a server tells by its text. `logprob` is a natural logarithm. */
export interface ToldToken {
  readonly bytes: Uint8Array;
  readonly logprob: number | undefined;
  readonly top: readonly { readonly bytes: Uint8Array; readonly logprob: number }[];
}

/** The part of an event that is text of the message. */
export interface HeardText {
  readonly reasoning?: string | undefined;
  readonly content?: string | undefined;
  readonly toolCalls?: readonly ToolCallDelta[] | undefined;
  /** The tokens behind the text, in order; hidden ones may be among them. */
  readonly tokens?: readonly ToldToken[] | undefined;
}

/** One piece of a message. */
export interface Piece {
  readonly field: 'reasoning' | 'content' | 'tool-call';
  /** What a client can show once it has read this piece: whole characters only. */
  readonly text: string;
  readonly bytes: Uint8Array;
  /** The fragment of a tool call. */
  readonly call?: ToolCallDelta;
  /** What the server tells of the token; undefined when the piece is no token that it told. */
  readonly told?: ToldToken;
}

/** Characters of an event that are still taken for one token. */
const LONGEST_PIECE = 24;

const encoder = new TextEncoder();
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Makes pieces of events, in order. */
export class PieceMaker {
  #waiting: readonly ToldToken[] = [];

  /** The pieces of one event. Tokens told before their text are kept until it comes. */
  add({ reasoning = '', content = '', toolCalls = [], tokens = [] }: HeardText): Piece[] {
    this.#waiting = [...this.#waiting, ...tokens];
    const pieces = [
      ...this.#text('reasoning', reasoning),
      ...this.#text('content', content),
      ...toolCalls.map(callPiece),
    ];
    return pieces;
  }

  #text(field: 'reasoning' | 'content', text: string): Piece[] {
    if (text === '') return [];
    const told = behind(text, this.#waiting);
    this.#waiting = [];
    if (told === undefined)
      return divide(text).map((part) => ({ field, text: part, bytes: encoder.encode(part) }));
    return decodeEach(told.map(({ bytes }) => bytes)).map((part, i) => ({
      field,
      text: part,
      bytes: told[i]?.bytes ?? new Uint8Array(),
      ...(told[i] === undefined ? {} : { told: told[i] }),
    }));
  }
}

function callPiece(call: ToolCallDelta): Piece {
  const text = (call.name ?? '') + (call.arguments ?? '');
  return { field: 'tool-call', text, bytes: encoder.encode(text), call };
}

/** The last tokens, if they spell just this text; what stands before them is hidden markup. */
function behind(text: string, tokens: readonly ToldToken[]): readonly ToldToken[] | undefined {
  const wanted = Buffer.from(text);
  let size = 0;
  for (let from = tokens.length - 1; from >= 0; from--) {
    size += tokens[from]?.bytes.length ?? 0;
    if (size < wanted.length) continue;
    const last = tokens.slice(from);
    return Buffer.concat(last.map(({ bytes }) => bytes)).equals(wanted) ? last : undefined;
  }
  return undefined;
}

/** Words with the whitespace before them; where a text has none, characters as people count them. */
function divide(text: string): string[] {
  if (text.length <= LONGEST_PIECE) return [text];
  const words = text.match(/\s*\S+|\s+$/gu) ?? [text];
  return words.flatMap((word) =>
    word.length <= LONGEST_PIECE
      ? [word]
      : Array.from(graphemes.segment(word), ({ segment }) => segment),
  );
}

/** The text that each run of bytes completes; what ends inside a character gives it to the next. */
function decodeEach(parts: readonly Uint8Array[]): string[] {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return parts.map((bytes, i) => decoder.decode(bytes, { stream: i + 1 < parts.length }));
}

/** The pieces as tokens of a local tokenizer; pieces that the server told as tokens stay as they are. */
export function retokenized(pieces: readonly Piece[], tokenizer: LocalTokenizer): Piece[] {
  const result: Piece[] = [];
  let run: Piece[] = [];
  const endRun = (): void => {
    const field = run[0]?.field;
    if (field !== undefined) result.push(...tokensOf(run, field, tokenizer));
    run = [];
  };
  for (const piece of pieces) {
    const goesOn = piece.field === run.at(-1)?.field && sameCall(piece, run.at(-1));
    if (!goesOn || piece.told !== undefined) endRun();
    if (piece.told === undefined) run.push(piece);
    else result.push(piece);
  }
  endRun();
  return result;
}

/** True for two pieces whose texts can be joined: a call's name and its start stay a piece of their own. */
function sameCall(piece: Piece, before: Piece | undefined): boolean {
  if (piece.call === undefined) return true;
  return (
    isPlain(piece.call) &&
    before?.call !== undefined &&
    isPlain(before.call) &&
    piece.call.index === before.call.index
  );
}

function isPlain({ id, name }: ToolCallDelta): boolean {
  return id === undefined && name === undefined;
}

function tokensOf(
  run: readonly Piece[],
  field: Piece['field'],
  tokenizer: LocalTokenizer,
): readonly Piece[] {
  const call = run[0]?.call;
  if (call !== undefined && !isPlain(call)) return run;
  const whole = run.map(({ text }) => text).join('');
  const parts = tokenizer.encodePlain(whole).map((id) => tokenizer.bytes(id));
  // A tokenizer that changes the text (a normalizer, a space at the start) can't divide it.
  if (!Buffer.concat(parts).equals(Buffer.from(whole))) return run;
  return decodeEach(parts).map((text, i) => ({
    field,
    text,
    bytes: parts[i] ?? new Uint8Array(),
    ...(call === undefined ? {} : { call: { index: call.index, arguments: text } }),
  }));
}

/** Pieces as the harness reads them everywhere: tokens with their places, and deltas. */
export function laidOut(pieces: readonly Piece[]): { tokens: PlacedToken[]; deltas: Delta[] } {
  const tokens: PlacedToken[] = [];
  const deltas: Delta[] = [];
  for (const piece of pieces) {
    const { logprob, top = [] } = piece.told ?? { logprob: undefined };
    tokens.push({
      id: idOf(piece.bytes),
      bytes: piece.bytes,
      place: tokens.length + 1,
      ...(logprob === undefined ? {} : { logprob }),
      ...(top.length === 0 ? {} : { top: packed(top.map(candidateOf)) }),
    });
    const delta = deltaOf(piece, tokens.length);
    if (delta !== undefined) deltas.push(delta);
  }
  return { tokens, deltas };
}

function candidateOf({ bytes, logprob }: ToldToken['top'][number]): Candidate {
  return { id: idOf(bytes), logprob };
}

function deltaOf({ field, text, call }: Piece, after: number): Delta | undefined {
  if (call !== undefined) return { after, toolCalls: [call] };
  if (text === '') return undefined;
  return field === 'reasoning' ? { after, reasoning: text } : { after, content: text };
}

/**
 * A number that stands for a piece's bytes: equal for equal bytes, in every run, so that a stored
 * generation can be compared with a new one. It is no id of any vocabulary.
 */
export function idOf(bytes: Uint8Array): number {
  return createHash('sha256').update(bytes).digest().readUIntBE(0, 6);
}
