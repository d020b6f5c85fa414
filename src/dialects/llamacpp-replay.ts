/**
 * llama.cpp's replay of a stream: a request with `X-Conversation-Id` generates on when its
 * connection is closed, and `GET /v1/stream?conv_id=&from=` gives the bytes of its answer again, from
 * any offset, and what is still to come.
 */
import { randomUUID } from 'node:crypto';
import type { RawChunk } from '../wire/capture.ts';
import type { HttpClient } from '../wire/http.ts';
import type { Answer, ReadOptions } from './dialect.ts';
import type { JsonObject } from './json.ts';
import { LlamacppReading } from './llamacpp-stream.ts';

/** Names of conversations, used again: a server keeps one stream for each, so that few are kept. */
export class Conversations {
  readonly #own = randomUUID();
  readonly #free: string[] = [];
  #made = 0;

  take(): string {
    return this.#free.pop() ?? `seamstress-${this.#own}-${this.#made++}`;
  }

  give(name: string): void {
    this.#free.push(name);
  }
}

/** What is asked, and where the stream is cut. */
export interface Replayed {
  readonly path: string;
  readonly body: JsonObject;
  /** Tokens after which the connection is closed. */
  readonly after: number;
  readonly maxEvents: number;
}

/**
 * Streams an answer, closes the connection once so many tokens were told, and reads the rest of the
 * stream from its replay.
 *
 * @throws {Refusal} HTTP 404 where the server does not keep the stream
 */
export async function replayed(
  http: HttpClient,
  conversation: string,
  { path, body, after, maxEvents }: Replayed,
  { signal }: ReadOptions,
): Promise<Answer> {
  const said: string[] = [];
  const scout = new LlamacppReading();
  const first = await http.stream(path, body, {
    signal,
    maxEvents,
    headers: { 'x-conversation-id': conversation },
    onData(data) {
      // Nothing is read of an answer that is cut before its first token.
      if (after === 0) return true;
      scout.hear(data, undefined);
      if (scout.generated <= after) said.push(data);
      return scout.generated >= after;
    },
  });
  const reading = new LlamacppReading();
  for (const data of said) reading.hear(data, undefined);
  const held = reading.deltas.length;
  const kept = startOf(first.capture, said.length);
  const query = new URLSearchParams({ conv_id: conversation, from: String(kept.length) });
  const rest = await http.stream(`/v1/stream?${query.toString()}`, undefined, {
    signal,
    maxEvents,
    method: 'GET',
    onData: (data) => reading.hear(data, undefined),
  });
  const capture = [{ atMs: first.totalMs, bytes: kept }, ...rest.capture];
  return { ...reading.answer(rest), held, capture, request: first.request };
}

const LINE_BREAK = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const COLON = 0x3a;

/** The bytes of a stream up to the end of its n-th event; comments are none. */
export function startOf(capture: readonly RawChunk[], events: number): Uint8Array {
  const bytes = Buffer.concat(capture.map((chunk) => chunk.bytes));
  let [line, counted, pending] = [0, 0, false];
  for (let at = 0; at < bytes.length && counted < events; at++) {
    if (bytes[at] !== LINE_BREAK) continue;
    const end = bytes[at - 1] === CARRIAGE_RETURN ? at - 1 : at;
    const empty = end <= line;
    if (!empty && bytes[line] !== COLON) pending = true;
    if (empty && pending) {
      counted++;
      pending = false;
    }
    line = at + 1;
  }
  return new Uint8Array(bytes.subarray(0, line));
}
