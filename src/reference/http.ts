/** Small pieces of HTTP: reading a JSON body, answering with JSON, streaming events. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { asObject, type JsonObject } from '../dialects/json.ts';
import { ApiError } from './api-error.ts';

const MAX_BODY_BYTES = 32 * 1024 * 1024;

/**
 * Reads a request's JSON object; other JSON values read as an empty object, as llama.cpp's
 * look-ups make them.
 */
export async function readJson(request: IncomingMessage): Promise<JsonObject> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new ApiError(413, 'Payload Too Large');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    return asObject(JSON.parse(text)) ?? {};
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new ApiError(400, `[json.exception.parse_error.101] parse error: ${detail}`);
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed || response.headersSent) return;
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    server: 'reference',
    'content-type': 'application/json; charset=utf-8',
    'content-length': bytes.length,
  });
  response.end(bytes);
}

/** A server-sent event stream. */
export class EventStream {
  protected readonly response: ServerResponse;

  constructor(response: ServerResponse) {
    this.response = response;
    response.writeHead(200, {
      server: 'reference',
      'content-type': 'text/event-stream',
      'x-accel-buffering': 'no',
      'cache-control': 'no-cache',
    });
  }

  /** Sends one event; waits while the client reads slowly. */
  async send(data: unknown): Promise<void> {
    await this.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
  }

  /** Sends one event with its name. */
  async sendNamed(event: string, data: unknown): Promise<void> {
    await this.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  end(): void {
    this.response.end();
  }

  protected async write(bytes: string | Uint8Array): Promise<void> {
    if (this.response.destroyed || this.response.write(bytes)) return;
    await Promise.race([once(this.response, 'drain'), once(this.response, 'close')]);
  }
}

/** A stream of JSON values, one a line. */
export class LineStream {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, { server: 'reference', 'content-type': 'application/x-ndjson' });
  }

  /** Sends one value; waits while the client reads slowly. */
  async send(value: unknown): Promise<void> {
    const response = this.#response;
    if (response.destroyed || response.write(`${JSON.stringify(value)}\n`)) return;
    await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }

  end(): void {
    this.#response.end();
  }
}

/** Sets the pace of a generation and notices when nobody listens any more. */
export class Pace {
  readonly #delayMs: number;
  #gone = false;
  #wake: (() => void) | undefined;

  constructor(response: ServerResponse, delayMs: number) {
    this.#delayMs = delayMs;
    response.once('close', () => {
      this.#gone = true;
      this.#wake?.();
    });
  }

  /** The same pace for another response. */
  of(response: ServerResponse): Pace {
    return new Pace(response, this.#delayMs);
  }

  /** Waits for the next token's turn; false when the client has gone. */
  async next(): Promise<boolean> {
    if (this.#gone) return false;
    await new Promise<void>((resolve) => {
      if (this.#delayMs === 0) {
        setImmediate(resolve);
        return;
      }
      const timer = setTimeout(resolve, this.#delayMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
    return !this.#gone;
  }
}
