/**
 * Plays tapes: gives the recorded answer to a question. Questions come in nearly the order in
 * which they were recorded, so that a tape is read as far as needed and an answer forgotten once
 * it was given.
 */
import { SeamstressError } from '../errors.ts';
import { EntryReader, keyOf, weightOf, type Call, type Entry } from './entry.ts';
import { TapeFile } from './file.ts';
import { readHeader, type TapeHeader } from './header.ts';

/** Answers given that are kept, for the same question asked once more than it was recorded. */
const KEPT = 20_000;
const KEPT_WEIGHT = 256 * 1024 * 1024;

/**
 * Memory in bytes, more or less, that the answers of a block and those that nobody asked for yet
 * may take. Tapes that a campaign wrote stay far below; a hostile one is small and unpacks to more
 * than a machine has.
 */
const HEAVIEST_BLOCK = 256 * 1024 * 1024;
const HEAVIEST_WAITING = 512 * 1024 * 1024;

/** An answer and the memory that it takes, in bytes, more or less. */
interface Held {
  readonly outcome: Entry['outcome'];
  readonly weight: number;
}

export class TapePlayer {
  readonly header: TapeHeader;
  readonly #tapes: OpenTape[];
  readonly #waiting = new Map<string, Held[]>();
  readonly #given = new Map<string, Held>();
  #waitingWeight = 0;
  #givenWeight = 0;

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
      const held = this.#waiting.get(key)?.shift();
      if (held !== undefined) {
        this.#keep(key, held);
        return held.outcome;
      }
      if (!this.#readOn()) return again ? this.#given.get(key)?.outcome : undefined;
    }
  }

  close(): void {
    for (const tape of this.#tapes) tape.close();
  }

  #keep(key: string, held: Held): void {
    if (this.#waiting.get(key)?.length === 0) this.#waiting.delete(key);
    this.#waitingWeight -= held.weight;
    this.#forget(key);
    this.#given.set(key, held);
    this.#givenWeight += held.weight;
    for (const oldest of this.#given.keys()) {
      if (this.#given.size <= KEPT && this.#givenWeight <= KEPT_WEIGHT) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#givenWeight -= this.#given.get(key)?.weight ?? 0;
    this.#given.delete(key);
  }

  /** Takes the next block of each tape; false when all are at their end. */
  #readOn(): boolean {
    this.#requireRoom();
    let more = false;
    for (const tape of this.#tapes)
      for (const { key, outcome, weight } of tape.next() ?? []) {
        more = true;
        const waiting = this.#waiting.get(key);
        if (waiting === undefined) this.#waiting.set(key, [{ outcome, weight }]);
        else waiting.push({ outcome, weight });
        this.#waitingWeight += weight;
      }
    this.#requireRoom();
    return more;
  }

  #requireRoom(): void {
    if (this.#waitingWeight > HEAVIEST_WAITING)
      throw new SeamstressError('config', 'the tape holds too many answers that nobody asks for', {
        hint: 'It is damaged, or of another version of seamstress; make the run again.',
      });
  }
}

/** One tape and its place. */
export class OpenTape {
  readonly header: TapeHeader;
  readonly #file: TapeFile;
  readonly #reader = new EntryReader();
  #left: string[];
  /** A tape stays damaged: what follows may be changes of what could not be read. */
  #damage: SeamstressError | undefined;

  constructor(path: string) {
    this.#file = new TapeFile(path);
    const lines = this.#file.next() ?? [];
    this.header = readHeader(lines[0], path);
    this.#left = lines.slice(1);
  }

  /** The entries of the next block; undefined at the end. */
  next(): (Entry & Pick<Held, 'weight'>)[] | undefined {
    if (this.#damage !== undefined) throw this.#damage;
    const lines = this.#left.length > 0 ? this.#left : this.#file.next();
    this.#left = [];
    if (lines === undefined) return undefined;
    this.#reader.reset();
    let total = 0;
    try {
      return lines.map((line) => {
        // A value takes more than its text: a line that is too heavy by itself is not parsed.
        if (4 * line.length > HEAVIEST_BLOCK) throw new Error('a line is too long for a tape');
        const entry = this.#reader.entry(line);
        const weight = weightOf(entry, line);
        total += weight;
        if (total > HEAVIEST_BLOCK) throw new Error('a block unpacks to more than a tape may hold');
        return { ...entry, weight };
      });
    } catch (error) {
      this.#damage = new SeamstressError('config', `${this.#file.path} is damaged`, {
        hint: 'Make the run again.',
        cause: error,
      });
      throw this.#damage;
    }
  }

  close(): void {
    this.#file.close();
  }
}
