/**
 * Newline-delimited JSON out of bytes: one value a line, as Ollama streams its answers. A line
 * counts when its line break has been read, or when the body ends cleanly behind a whole value.
 */
import { jsonTrouble } from '../parse-json.ts';
import type { StreamEnd } from './end.ts';
import { clip, parsed, quoted, reportsError, wordsOf } from './words.ts';

/** How to read. */
interface LineReaderOptions {
  /** Largest line, in bytes. */
  readonly maxEventBytes: number;
  /** Called for each line but errors; `true` stops reading. */
  readonly onEvent: (data: string, name: string | undefined) => boolean;
}

/** Reads one body. `push` the bytes; an answer means that reading is over. Otherwise `finish`. */
export class LineReader {
  readonly #options: LineReaderOptions;
  readonly #decoder = new TextDecoder();
  #open = '';
  #events = 0;
  #end: StreamEnd | undefined;

  constructor(options: LineReaderOptions) {
    this.#options = options;
  }

  /** How many lines were handed on. */
  get events(): number {
    return this.#events;
  }

  push(bytes: Uint8Array): StreamEnd | undefined {
    const lines = (this.#open + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#open = lines.pop() ?? '';
    for (const line of lines) if (this.#end === undefined) this.#take(line.trim());
    if (this.#end === undefined && Buffer.byteLength(this.#open) > this.#options.maxEventBytes)
      this.#end = {
        kind: 'garbled',
        detail: `a line larger than ${this.#options.maxEventBytes} bytes`,
      };
    return this.#end;
  }

  /** The body ended cleanly: judges what is left. */
  finish(): StreamEnd {
    if (this.#end !== undefined) return this.#end;
    const splitCharacter = this.#decoder.decode() !== '';
    const rest = this.#open.trim();
    if (splitCharacter) return { kind: 'truncated', detail: 'the body ends inside a character' };
    if (rest !== '' && parsed(rest) === undefined)
      return { kind: 'truncated', detail: `the body ends inside a line: ${quoted(rest)}` };
    if (rest !== '') this.#take(rest);
    return this.#end ?? { kind: 'closed' };
  }

  #take(line: string): void {
    if (line === '') return;
    const value = parsed(line);
    if (reportsError(value))
      this.#end = { kind: 'error-event', message: wordsOf(line) ?? clip(line, 200), body: line };
    else if (value === undefined)
      this.#end = {
        kind: 'garbled',
        detail: `a line is ${jsonTrouble(line) ?? 'not JSON'}: ${quoted(line)}`,
      };
    else {
      this.#events += 1;
      if (this.#options.onEvent(line, undefined)) this.#end = { kind: 'aborted' };
    }
  }
}
