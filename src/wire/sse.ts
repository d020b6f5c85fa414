/**
 * Server-sent events out of bytes, and an honest account of how they ended. eventsource-parser
 * reads the events; what it drops in silence (a last event without its blank line, a body that
 * is no event stream at all) is kept here and judged.
 *
 * An event counts when its blank line has been read, as the standard says: a complete `data:`
 * line at the end of the body is `truncated`. The one exception is `data: [DONE]`, since nothing
 * can be missing after it. Bytes that are not UTF-8 become U+FFFD, as the standard says.
 */
import { createParser, type EventSourceParser, type ParseError } from 'eventsource-parser';
import type { StreamEnd } from './end.ts';
import { LineText } from './lines.ts';
import { clip, parsed, quoted, reportsError, wordsOf } from './words.ts';

/** Bytes of a body without events that are kept, so that a JSON error in it can be read. */
const FOREIGN_LIMIT = 1024 * 1024;
const DONE = '[DONE]';

/** How to read. */
interface EventReaderOptions {
  /** Largest event, about: the bytes since the last blank line are counted. */
  readonly maxEventBytes: number;
  /** The answer's `content-type`: named where the body is no event stream. */
  readonly contentType: string | undefined;
  /** Called for each event but `[DONE]` and errors; `true` stops reading. */
  readonly onEvent: (data: string, name: string | undefined) => boolean;
}

/** Reads one body. `push` the bytes; an answer means that reading is over. Otherwise `finish`. */
export class EventReader {
  readonly #options: EventReaderOptions;
  readonly #parser: EventSourceParser;
  readonly #text = new LineText();
  #events = 0;
  /** The body so far, while it has no event. */
  #head = '';
  #foreign = false;
  #end: StreamEnd | undefined;

  constructor(options: EventReaderOptions) {
    this.#options = options;
    this.#parser = createParser({
      onEvent: ({ data, event }) => this.#take(data, event),
      onError: (error) => this.#takeForeign(error),
    });
  }

  /** How many events were handed on. */
  get events(): number {
    return this.#events;
  }

  /**
   * Reads some bytes. The answer, once there is one: `done`, `error-event`, `garbled`, or
   * `aborted` when the callback asked to stop.
   */
  push(bytes: Uint8Array): StreamEnd | undefined {
    const text = this.#text.push(bytes);
    this.#parser.feed(text);
    if (this.#events === 0) this.#keepHead(text);
    if (this.#text.openBytes > this.#options.maxEventBytes) this.#end ??= this.#tooLarge();
    return this.#end;
  }

  /** The body ended cleanly: judges what is left. */
  finish(): StreamEnd {
    if (this.#end !== undefined) return this.#end;
    const { open, splitCharacter } = this.#text.finish();
    if (/^data: ?\[DONE\]$/.test(open)) return { kind: 'done' };
    if (this.#events === 0 && this.#isForeign(open)) return this.#noEvents();
    if (reportsError(parsed(open))) return errorEvent(open);
    if (splitCharacter) return { kind: 'truncated', detail: 'the body ends inside a character' };
    if (open === '') return { kind: 'closed' };
    return { kind: 'truncated', detail: `the body ends inside an event: ${quoted(open)}` };
  }

  #keepHead(text: string): void {
    if (this.#head.length > FOREIGN_LIMIT) return;
    this.#head += text;
    if (this.#head.length > FOREIGN_LIMIT && this.#isForeign(this.#head)) {
      this.#end ??= this.#noEvents();
    }
  }

  /** True when the body, in which no event was found, is something else than an event stream. */
  #isForeign(text: string): boolean {
    if (this.#foreign || text.split('\n').some(isForeign)) return true;
    return this.#head.trim() === '' && !isEventStream(this.#options.contentType);
  }

  /** Says what a body without events is: an error as JSON, or something else altogether. */
  #noEvents(): StreamEnd {
    const body = this.#head.trim();
    const type = this.#options.contentType ?? 'no content type';
    if (body === '') return { kind: 'garbled', detail: `an empty body (${type})` };
    const json = parsed(body);
    if (reportsError(json)) return errorEvent(body);
    const what = json === undefined ? 'no event stream' : 'one JSON value, no event stream';
    return { kind: 'garbled', detail: `${what} (${type}): ${quoted(body)}` };
  }

  #take(data: string, name: string | undefined): void {
    if (this.#end !== undefined) return;
    if (data.trim() === DONE) this.#end = { kind: 'done' };
    else if (this.#isTooLarge(data)) this.#end = this.#tooLarge();
    else if (name === 'error' || isError(data)) this.#end = errorEvent(data);
    else {
      this.#events += 1;
      this.#head = '';
      if (this.#options.onEvent(data, name)) this.#end = { kind: 'aborted' };
    }
  }

  /** A line that is no SSE field: llama.cpp used to send `error: {…}`, proxies append bare JSON. */
  #takeForeign({ type, field, value, line }: ParseError): void {
    if (type !== 'unknown-field' || line === undefined || line.trim() === '') return;
    this.#foreign = true;
    if (field === 'error') this.#end ??= errorEvent(value ?? '');
    else if (isError(line)) this.#end ??= errorEvent(line);
  }

  #isTooLarge(data: string): boolean {
    const { maxEventBytes } = this.#options;
    // A UTF-16 unit is three bytes at most: hardly an event needs to be counted.
    return 3 * data.length > maxEventBytes && Buffer.byteLength(data) > maxEventBytes;
  }

  #tooLarge(): StreamEnd {
    return { kind: 'garbled', detail: `an event larger than ${this.#options.maxEventBytes} bytes` };
  }
}

function errorEvent(body: string): StreamEnd {
  return { kind: 'error-event', message: wordsOf(body) ?? clip(body, 200), body };
}

/**
 * The text is searched first, since every event of every stream passes here; for the end of the word
 * `"error"`, whose first letter is much rarer in JSON than a quotation mark.
 */
function isError(data: string): boolean {
  return data.includes('rror"') && reportsError(parsed(data));
}

function isEventStream(contentType: string | undefined): boolean {
  return contentType?.toLowerCase().startsWith('text/event-stream') ?? false;
}

/** True for a line, finished or not, that cannot be a line of an event. */
function isForeign(line: string): boolean {
  if (line.trim() === '' || line.startsWith(':')) return false;
  return !['data:', 'event:', 'id:', 'retry:'].some(
    (f) => line.startsWith(f) || f.startsWith(line),
  );
}
