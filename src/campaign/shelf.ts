/**
 * The generations of a campaign: a few in memory, the others in a file without a name, so that the
 * memory that a run takes does not grow with its scenarios.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { messageOf, SeamstressError } from '../errors.ts';
import { derive, type Subject } from '../seam/subject.ts';

/** Subjects in their order. A list is one; so is a shelf. */
export interface Subjects extends Iterable<Subject> {
  readonly length: number;
  at(index: number): Subject | undefined;
}

/** Subjects held in memory. */
const HELD = 64;

/** What cannot be derived again. */
type Kept = Pick<Subject, 'generation' | 'markup' | 'repeat' | 'told'>;

interface Place {
  readonly start: number;
  readonly bytes: number;
}

export class Shelf implements Subjects {
  readonly #most: number;
  /** By index; the one that was used last comes last. */
  readonly #held = new Map<number, Subject>();
  readonly #places: Place[] = [];
  #file: TemporaryFile | undefined;
  #size = 0;
  #length = 0;

  /** @param most subjects held in memory */
  constructor(most: number = HELD) {
    this.#most = most;
  }

  get length(): number {
    return this.#length;
  }

  /** @throws {SeamstressError} `output` when there is no room on the disk for temporary files */
  add(subject: Subject): void {
    this.#hold(this.#length++, subject);
  }

  /** The same object as long as it is held, an equal one after that. */
  at(index: number): Subject | undefined {
    if (index < 0 || index >= this.#length) return undefined;
    const held = this.#held.get(index);
    this.#held.delete(index);
    const subject = held ?? this.#read(index);
    this.#hold(index, subject);
    return subject;
  }

  *[Symbol.iterator](): Generator<Subject> {
    for (let i = 0; i < this.#length; i++) yield this.at(i) as Subject;
  }

  /** Gives the file back. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#held.clear();
    this.#length = 0;
  }

  #hold(index: number, subject: Subject): void {
    this.#held.set(index, subject);
    if (this.#held.size <= this.#most) return;
    const [oldest, other] = this.#held.entries().next().value as [number, Subject];
    this.#held.delete(oldest);
    if (this.#places[oldest] === undefined) this.#places[oldest] = this.#write(other);
  }

  #write({ generation, markup, repeat, told }: Subject): Place {
    const bytes = serialize({ generation, markup, repeat, told } satisfies Kept);
    const place = { start: this.#size, bytes: bytes.length };
    try {
      this.#file ??= new TemporaryFile();
      this.#file.write(bytes, place.start);
    } catch (error) {
      throw new SeamstressError('output', `cannot keep the generations: ${messageOf(error)}`, {
        hint: `Make room in ${tmpdir()}, or name another folder in TMPDIR.`,
        cause: error,
      });
    }
    this.#size += bytes.length;
    return place;
  }

  #read(index: number): Subject {
    const { start, bytes } = this.#places[index] as Place;
    const kept = deserialize((this.#file as TemporaryFile).read(start, bytes)) as Kept;
    const { generation, markup, repeat, told } = kept;
    return { ...derive(generation), markup, repeat, told };
  }
}

/** A file that nobody else can open and that is gone when it is closed, or the process ends. */
class TemporaryFile {
  readonly #folder: string;
  readonly #handle: number;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'seamstress-generations-'));
    this.#handle = openSync(join(this.#folder, 'generations'), 'wx+', 0o600);
    this.#remove();
  }

  write(bytes: Uint8Array, start: number): void {
    for (let done = 0; done < bytes.length;)
      done += writeSync(this.#handle, bytes, done, bytes.length - done, start + done);
  }

  read(start: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafe(length);
    for (let done = 0; done < length;) {
      const read = readSync(this.#handle, buffer, done, length - done, start + done);
      if (read === 0) throw new Error('a temporary file ends early');
      done += read;
    }
    return buffer;
  }

  close(): void {
    closeSync(this.#handle);
    this.#remove();
  }

  /** An open file can have no name on most systems; where it must have one, it is removed when it is closed. */
  #remove(): void {
    try {
      rmSync(this.#folder, { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    }
  }
}
