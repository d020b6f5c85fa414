/**
 * Plays tapes: gives the recorded answer to a question. Questions come in nearly the order in
 * which they were recorded, so that a tape is read as far as needed and an answer forgotten once
 * it was given.
 */
import { SeamstressError } from '../errors.ts';
import { EntryReader, keyOf, type Call, type Entry } from './entry.ts';
import { TapeFile } from './file.ts';
import { readHeader, type TapeHeader } from './header.ts';

/** Answers given that are kept, for the same question asked once more than it was recorded. */
const KEPT = 20_000;

export class TapePlayer {
  readonly header: TapeHeader;
  readonly #tapes: OpenTape[];
  readonly #waiting = new Map<string, Entry['outcome'][]>();
  readonly #given = new Map<string, Entry['outcome']>();

  /**
   * @param paths several tapes are played as one; of a question that several answer, the first counts
   * @throws {SeamstressError} `config` when one cannot be read
   */
  constructor(paths: readonly string[]) {
    this.#tapes = paths.map((path) => new OpenTape(path));
    const [first] = this.#tapes;
    if (first === undefined) throw new SeamstressError('usage', 'there is no tape to play');
    this.header = first.header;
  }

  get headers(): readonly TapeHeader[] {
    return this.#tapes.map(({ header }) => header);
  }

  /**
   * The recorded outcome of a question, undefined when there is none.
   *
   * @param again give the last answer once more when a question comes oftener than it was recorded
   */
  take(call: Call, question: unknown, again: boolean): Entry['outcome'] | undefined {
    const key = keyOf(call, question);
    for (;;) {
      const outcome = this.#waiting.get(key)?.shift();
      if (outcome !== undefined) {
        this.#keep(key, outcome);
        return outcome;
      }
      if (!this.#readOn()) return again ? this.#given.get(key) : undefined;
    }
  }

  close(): void {
    for (const tape of this.#tapes) tape.close();
  }

  #keep(key: string, outcome: Entry['outcome']): void {
    if (this.#waiting.get(key)?.length === 0) this.#waiting.delete(key);
    this.#given.delete(key);
    this.#given.set(key, outcome);
    if (this.#given.size <= KEPT) return;
    const oldest = this.#given.keys().next();
    if (oldest.done !== true) this.#given.delete(oldest.value);
  }

  /** Takes the next block of each tape; false when all are at their end. */
  #readOn(): boolean {
    let more = false;
    for (const tape of this.#tapes)
      for (const { key, outcome } of tape.next() ?? []) {
        more = true;
        const waiting = this.#waiting.get(key);
        if (waiting === undefined) this.#waiting.set(key, [outcome]);
        else waiting.push(outcome);
      }
    return more;
  }
}

/** One tape and its place. */
export class OpenTape {
  readonly header: TapeHeader;
  readonly #file: TapeFile;
  readonly #reader = new EntryReader();
  #left: string[];

  constructor(path: string) {
    this.#file = new TapeFile(path);
    const lines = this.#file.next() ?? [];
    this.header = readHeader(lines[0], path);
    this.#left = lines.slice(1);
  }

  /** The entries of the next block; undefined at the end. */
  next(): Entry[] | undefined {
    const lines = this.#left.length > 0 ? this.#left : this.#file.next();
    this.#left = [];
    if (lines === undefined) return undefined;
    this.#reader.reset();
    try {
      return lines.map((line) => this.#reader.entry(line));
    } catch (error) {
      throw new SeamstressError('config', `${this.#file.path} is damaged`, {
        hint: 'Make the run again.',
        cause: error,
      });
    }
  }

  close(): void {
    this.#file.close();
  }
}
