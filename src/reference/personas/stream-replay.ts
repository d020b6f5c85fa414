/**
 * llama.cpp's replay of streams: an answer whose request names a conversation is kept, goes on when
 * its client has gone, and can be read again from any byte on.
 */
import { ServerResponse, type OutgoingHttpHeader, type OutgoingHttpHeaders } from 'node:http';
import { ApiError } from '../api-error.ts';
import { Lru } from '../lru.ts';
import type { Exchange } from './persona.ts';

/** Streams kept at most; a real server keeps them for five minutes. */
const MOST = 64;

/** The bytes of one stream, as far as they are known. */
class Kept {
  readonly chunks: Uint8Array[] = [];
  size = 0;
  done = false;
  #waiting: (() => void)[] = [];

  add(bytes: Uint8Array): void {
    this.chunks.push(bytes);
    this.size += bytes.length;
    this.#wake();
  }

  finish(): void {
    this.done = true;
    this.#wake();
  }

  /** The bytes from an offset on. */
  from(offset: number): Uint8Array {
    return new Uint8Array(Buffer.concat(this.chunks).subarray(offset));
  }

  /** Waits until more is known. */
  async more(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** A response that goes to the client and is kept; a client that has gone does not end it. */
class KeptResponse extends ServerResponse {
  readonly #live: ServerResponse;
  readonly #kept: Kept;

  constructor(live: ServerResponse, kept: Kept) {
    super(live.req);
    this.#live = live;
    this.#kept = kept;
  }

  override writeHead(
    status: number,
    headers?: string | OutgoingHttpHeaders | OutgoingHttpHeader[],
  ): this {
    if (!this.#live.destroyed && typeof headers === 'object') this.#live.writeHead(status, headers);
    return this;
  }

  override write(bytes: string | Uint8Array): boolean {
    this.#kept.add(Buffer.from(bytes));
    if (!this.#live.destroyed) this.#live.write(bytes);
    return true;
  }

  override end(bytes?: unknown): this {
    if (typeof bytes === 'string' || bytes instanceof Uint8Array) this.write(bytes);
    this.#kept.finish();
    this.#live.end();
    return this;
  }
}

/** The streams that one server keeps. */
export class Replays {
  readonly #kept = new Lru<string, Kept>(MOST);

  /** Answers a request, and keeps the answer where the request names a conversation. */
  async keep(exchange: Exchange, answer: (exchange: Exchange) => Promise<void>): Promise<void> {
    const conversation = exchange.headers['x-conversation-id'];
    if (typeof conversation !== 'string' || conversation === '') return await answer(exchange);
    const kept = new Kept();
    this.#kept.set(conversation, kept);
    const response = new KeptResponse(exchange.response, kept);
    await answer({ ...exchange, response, pace: exchange.pace.of(response) });
  }

  /** `GET /v1/stream?conv_id=&from=`. */
  async replay({ query, response }: Exchange): Promise<void> {
    const conversation = query.get('conv_id') ?? '';
    if (conversation === '') throw new ApiError(400, 'Missing conversation id in path');
    const kept = this.#kept.get(conversation);
    if (kept === undefined) throw new ApiError(404, 'File Not Found', 'not_found_error');
    const asked = query.get('from') ?? '0';
    if (!/^\d+$/.test(asked)) throw new ApiError(400, "Invalid 'from' offset");
    response.writeHead(200, { server: 'reference', 'content-type': 'text/event-stream' });
    let offset = Number(asked);
    while (!response.destroyed) {
      const bytes = kept.from(offset);
      offset += bytes.length;
      if (bytes.length > 0) response.write(bytes);
      if (kept.done && offset >= kept.size) break;
      if (bytes.length === 0) await kept.more();
    }
    response.end();
  }
}
