/** What a target answered, as one line of a tape, and back. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Answer, Completion, PlacedToken, Rendered } from '../dialects/dialect.ts';
import { messageOf } from '../errors.ts';
import { parseJson } from '../parse-json.ts';
import type { Candidates } from '../seam/candidates.ts';
import type { TokenEvent } from '../seam/generation.ts';
import type { RawChunk } from '../wire/capture.ts';
import { Refusal } from '../wire/refusal.ts';
import { changedIds, changedText, restoredIds, restoredText } from './delta.ts';

/** What a target was asked; `chat` and the rest are the methods of `Target`. */
export const CALLS = ['chat', 'complete', 'render', 'encode', 'encodePlain'] as const;
export type Call = (typeof CALLS)[number];

export interface Results {
  chat: Answer;
  complete: Completion;
  render: Rendered;
  encode: readonly number[];
  encodePlain: readonly TokenEvent[];
}

/** An answer as it lies on a tape. */
export interface Entry {
  readonly call: Call;
  /** Of what was asked, and for what use. */
  readonly key: string;
  readonly outcome:
    | { readonly result: Results[Call] }
    | { readonly refusal: ConstructorParameters<typeof Refusal>[0] }
    | { readonly error: string };
}

/** The key of a question: equal questions for the same use have the same. */
export function keyOf(call: Call, question: unknown): string {
  return createHash('sha1')
    .update(`${call}\n${JSON.stringify(question)}`)
    .digest('base64url');
}

const packed = z.tuple([
  z.enum(CALLS),
  z.string(),
  z.enum(['result', 'refusal', 'error']),
  z.unknown(),
]);
const change = <T extends z.ZodType>(middle: T) =>
  z.tuple([z.int().min(0), z.int().min(0), middle]);
const renderSchema = z.object({
  i: change(z.array(z.int())),
  t: change(z.string()).optional(),
  r: change(z.string()),
  s: z.enum(['server', 'local']),
});

type PackedToken = readonly [
  id: number,
  base64: string,
  place: number | null,
  logprob: number | null,
  top: Candidates | null,
];

/** Writes entries as changes of the ones before; `reset` where a block begins. */
export class EntryWriter {
  #ids: readonly number[] = [];
  #text = '';
  #requests = '';

  reset(): void {
    this.#ids = [];
    this.#text = '';
    this.#requests = '';
  }

  line(entry: Entry): string {
    const { call, key, outcome } = entry;
    if ('error' in outcome) return JSON.stringify([call, key, 'error', outcome.error]);
    if ('refusal' in outcome) return JSON.stringify([call, key, 'refusal', outcome.refusal]);
    return JSON.stringify([call, key, 'result', this.#pack(call, outcome.result)]);
  }

  #pack(call: Call, result: Results[Call]): unknown {
    if (call === 'render') {
      const { ids, text, requests, source } = result as Rendered;
      const asked = JSON.stringify(requests);
      const small = {
        i: changedIds(this.#ids, ids),
        ...(text === undefined ? {} : { t: changedText(this.#text, text) }),
        r: changedText(this.#requests, asked),
        s: source,
      };
      this.#ids = ids;
      this.#text = text ?? this.#text;
      this.#requests = asked;
      return small;
    }
    if (call === 'chat') {
      const { tokens, capture, ...rest } = result as Answer;
      return {
        ...rest,
        tokens: tokens.map(packToken),
        capture: bytesOf(capture) > MOST_CAPTURED ? [] : capture.map(packChunk),
      };
    }
    if (call === 'complete') {
      const { tokens, ...rest } = result as Completion;
      return { ...rest, tokens: tokens.map(packToken) };
    }
    return call === 'encodePlain' ? (result as readonly TokenEvent[]).map(packToken) : result;
  }
}

/** Reads lines in the order in which they were written; `reset` where a block begins. */
export class EntryReader {
  #ids: readonly number[] = [];
  #text = '';
  #requests = '';

  reset(): void {
    this.#ids = [];
    this.#text = '';
    this.#requests = '';
  }

  /** @throws when the line is not an entry */
  entry(line: string): Entry {
    const [call, key, kind, value] = packed.parse(parseJson(line));
    if (kind === 'error') return { call, key, outcome: { error: String(value) } };
    if (kind === 'refusal')
      return { call, key, outcome: { refusal: value as ConstructorParameters<typeof Refusal>[0] } };
    return { call, key, outcome: { result: this.#unpack(call, value) } };
  }

  #unpack(call: Call, value: unknown): Results[Call] {
    if (call === 'render') {
      const { i, t, r, s } = renderSchema.parse(value);
      this.#ids = restoredIds(this.#ids, i);
      if (t !== undefined) this.#text = restoredText(this.#text, t);
      this.#requests = restoredText(this.#requests, r);
      return {
        ids: this.#ids,
        text: t === undefined ? undefined : this.#text,
        source: s,
        requests: parseJson(this.#requests) as Rendered['requests'],
      };
    }
    if (call === 'encode') return value as readonly number[];
    if (call === 'encodePlain') return (value as PackedToken[]).map(unpackToken);
    const { tokens, ...rest } = value as { tokens: PackedToken[] };
    if (call === 'complete')
      return { ...rest, tokens: tokens.map(unpackToken) } as unknown as Completion;
    const { capture, ...others } = rest as { capture?: PackedChunk[] };
    return {
      ...others,
      tokens: tokens.map((token) => ({ ...unpackToken(token), place: token[2] ?? 0 })),
      capture: (capture ?? []).map(unpackChunk),
    } as unknown as Answer;
  }
}

/**
 * The memory that an entry takes once it is read, in bytes, more or less: a line that says what
 * changed is small, what it changes is not.
 */
export function weightOf({ call, outcome }: Entry, line: string): number {
  if (call !== 'render' || !('result' in outcome)) return 4 * line.length;
  const { ids, text, requests } = outcome.result as Rendered;
  const asked = requests.reduce((total, request) => total + sizeOf(request.body), 0);
  return 4 * line.length + 8 * ids.length + 2 * ((text?.length ?? 0) + asked);
}

/** Characters of the texts in a request's body and how many numbers and fields it has; not exact. */
function sizeOf(body: unknown): number {
  if (typeof body === 'string') return body.length;
  if (typeof body !== 'object' || body === null) return 8;
  return Object.values(body).reduce<number>((total, value) => total + 16 + sizeOf(value), 0);
}

/** The outcome of a call that threw. */
export function outcomeOfError(error: unknown): Entry['outcome'] {
  if (!(error instanceof Refusal)) return { error: messageOf(error) };
  const { status, body, request, message, retryAfterSeconds } = error;
  const retryAfter = retryAfterSeconds === undefined ? undefined : String(retryAfterSeconds);
  return { refusal: { status, body, request, message, retryAfter } };
}

function packToken(token: TokenEvent & Partial<Pick<PlacedToken, 'place'>>): PackedToken {
  return [
    token.id,
    base64(token.bytes),
    token.place ?? null,
    token.logprob ?? null,
    token.top ?? null,
  ];
}

function unpackToken([id, bytes, , logprob, top]: PackedToken): TokenEvent {
  return {
    id,
    bytes: new Uint8Array(Buffer.from(bytes, 'base64')),
    ...(logprob === null ? {} : { logprob }),
    ...(top === null ? {} : { top }),
  };
}

/** Larger captures are not kept: no line may be longer than a tape's block can be. */
const MOST_CAPTURED = 16 * 1024 * 1024;

function bytesOf(capture: readonly RawChunk[]): number {
  return capture.reduce((total, { bytes }) => total + bytes.length, 0);
}

/** Text compresses better than base64, which is left for chunks that are not whole characters. */
type PackedChunk = readonly [atMs: number, text: string, base64?: 1];

function packChunk({ atMs, bytes }: RawChunk): PackedChunk {
  const text = Buffer.from(bytes).toString('utf8');
  return Buffer.from(text).equals(bytes) ? [round(atMs), text] : [round(atMs), base64(bytes), 1];
}

function unpackChunk([atMs, text, encoded]: PackedChunk): RawChunk {
  return { atMs, bytes: new Uint8Array(Buffer.from(text, encoded === 1 ? 'base64' : 'utf8')) };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
