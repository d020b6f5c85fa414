/**
 * An answer that is not sent as it is: what a handler writes is handed on, event by event or as one
 * object. Servers make their other APIs of their chat in the same way.
 */
import { ServerResponse, type OutgoingHttpHeader, type OutgoingHttpHeaders } from 'node:http';
import { asObject, parseEvent, type JsonObject } from '../../dialects/json.ts';

/** What is made of a chat answer. */
export interface Relay {
  /** A chunk of a stream. */
  chunk(chunk: JsonObject): void;
  /** The stream has ended in good order. */
  done(): void;
  /** A whole answer. */
  whole(answer: JsonObject): void;
}

/** Takes the place of a response; nothing of what is written here is sent. */
export class RelayedResponse extends ServerResponse {
  readonly #relay: Relay;
  #streams = false;

  constructor(response: ServerResponse, relay: Relay) {
    super(response.req);
    this.#relay = relay;
    // A client that has gone ends the answer.
    response.once('close', () => this.destroy());
  }

  override writeHead(
    _status: number,
    headers?: string | OutgoingHttpHeaders | OutgoingHttpHeader[],
  ): this {
    const type = typeof headers === 'object' ? asObject(headers)?.['content-type'] : undefined;
    this.#streams = type === 'text/event-stream';
    return this;
  }

  override write(bytes: unknown): boolean {
    for (const line of textOf(bytes).split('\n')) {
      const chunk = line.startsWith('data: {') ? parseEvent(line.slice(6)) : undefined;
      if (chunk !== undefined) this.#relay.chunk(chunk);
    }
    return true;
  }

  override end(bytes?: unknown): this {
    if (this.#streams) this.#relay.done();
    else this.#relay.whole(parseEvent(textOf(bytes)) ?? {});
    return this;
  }
}

function textOf(bytes: unknown): string {
  if (bytes instanceof Uint8Array) return Buffer.from(bytes).toString('utf8');
  return typeof bytes === 'string' ? bytes : '';
}
