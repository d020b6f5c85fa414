/** What happens to the bytes of a stream on their way: legal variations, and streams that break. */
import { setImmediate } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import { asArray, asObject, asString } from '../dialects/json.ts';
import type { FaultName, TransportFault } from './fault-catalogue.ts';
import { EventStream } from './http.ts';

/** Variations that a client must not notice; they strike every stream, the others resumed ones. */
const LEGAL: ReadonlySet<FaultName> = new Set<TransportFault>([
  'events-batched',
  'events-split',
  'crlf-lines',
  'keep-alive-comments',
  'done-missing',
]);

/** The event at which a stream breaks; the role and the first text stand before it. */
const BREAK_AT = 2;
/** Time for what was sent to leave before the connection is reset. */
const FLUSH_MS = 10;
/** Events in one chunk, where they are batched. */
const BATCH = 4;

/** Opens a stream; `strikes` tells which faults strike it. */
export function openStream(
  response: ServerResponse,
  resumed: boolean,
  strikes: (fault: FaultName) => boolean,
): EventStream {
  return new FaultyStream(response, (fault) => (resumed || LEGAL.has(fault)) && strikes(fault));
}

class FaultyStream extends EventStream {
  readonly #strikes: (fault: TransportFault | 'invalid-diff') => boolean;
  readonly #sent: string[] = [];
  #glued = '';
  #batch: string[] = [];
  /** The place where a stream breaks has been reached. */
  #met = false;
  #over = false;

  constructor(response: ServerResponse, strikes: (fault: FaultName) => boolean) {
    super(response);
    this.#strikes = strikes;
  }

  override async send(data: unknown): Promise<void> {
    if (this.#over || (data === '[DONE]' && this.#strikes('done-missing'))) return;
    const text = this.#glued + frameOf(data);
    this.#glued = '';
    if (!this.#met && (this.#sent.length === BREAK_AT || isFinish(data))) {
      this.#met = true;
      if (this.#breaks(text)) return;
    }
    if (this.#sent.length === BREAK_AT + 1 && this.#strikes('events-duplicated'))
      await this.#write(this.#sent.slice(1, BREAK_AT + 1).join(''));
    this.#sent.push(text);
    await this.#write(text);
  }

  override end(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#glued !== '') this.response.write(`${this.#glued}\n`);
    if (this.#batch.length > 0) this.response.write(this.#batch.join(''));
    super.end();
  }

  /** Breaks the stream off before the event, where a fault does so; true when the event is dealt with. */
  #breaks(text: string): boolean {
    if (this.#strikes('events-glued')) {
      this.#sent.push(text);
      this.#glued = text.slice(0, -1);
      return true;
    }
    const message = this.#strikes('invalid-diff')
      ? 'Invalid diff: now finding less tool calls!'
      : 'the model runner has stopped';
    if (this.#strikes('stream-stalls')) this.#over = true;
    else if (this.#strikes('connection-reset'))
      this.#finish(() => setTimeout(() => this.response.destroy(), FLUSH_MS));
    else if (this.#strikes('closed-in-event'))
      this.#finish(() => this.response.end(text.slice(0, Math.floor(text.length / 2))));
    else if (this.#strikes('stream-cut-short')) this.#finish(() => this.response.end());
    else if (this.#strikes('invalid-diff') || this.#strikes('error-event'))
      this.#finish(() =>
        this.response.end(frameOf({ error: { code: 500, message, type: 'server_error' } })),
      );
    return this.#over;
  }

  #finish(how: () => void): void {
    this.#over = true;
    how();
  }

  async #write(text: string): Promise<void> {
    let bytes = text;
    if (this.#strikes('crlf-lines')) bytes = bytes.replaceAll('\n', '\r\n');
    if (this.#strikes('keep-alive-comments')) bytes = `: keep-alive\n\n${bytes}`;
    if (this.#strikes('events-batched')) {
      this.#batch.push(bytes);
      if (this.#batch.length < BATCH) return;
      bytes = this.#batch.join('');
      this.#batch = [];
    }
    if (!this.#strikes('events-split')) {
      await this.write(bytes);
      return;
    }
    const whole = Buffer.from(bytes);
    const at = splitPoint(whole);
    await this.write(whole.subarray(0, at));
    await setImmediate();
    await this.write(whole.subarray(at));
  }
}

function frameOf(data: unknown): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

/** True for the chunk that states the finish reason. */
function isFinish(data: unknown): boolean {
  const choice = asObject(asArray(asObject(data)?.['choices'])[0]);
  return asString(choice?.['finish_reason']) !== undefined;
}

/** Inside the first character of several bytes, else in the middle. */
function splitPoint(bytes: Buffer): number {
  const inside = bytes.findIndex((byte) => byte >= 0x80 && byte < 0xc0);
  return inside >= 0 ? inside : Math.floor(bytes.length / 2);
}
