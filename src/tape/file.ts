/**
 * The file of a tape: blocks of JSON lines, each compressed by itself and preceded by its size. A
 * block is written whole by one call, so that a killed process leaves a readable tape that lacks
 * its last moments at most.
 */
import { closeSync, fstatSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { messageOf, SeamstressError } from '../errors.ts';

/** First bytes of every tape; the digit is the version of its format. */
const MAGIC = Buffer.from('seamstress tape 1\n');
/** Bytes of JSON lines in a block, more or less. */
const BLOCK = 256 * 1024;
/** A block is never older than this, in milliseconds. */
const OLDEST = 1000;
/** Memory that the entries of a block may take once they are read, in bytes, more or less. */
const HEAVIEST = 64 * 1024 * 1024;
/** Bytes that a block may hold; one that claims more is damaged or hostile. */
const LARGEST = 128 * 1024 * 1024;
/** Lines that a block may hold; those of a campaign are fifty bytes long at least. */
const MOST_LINES = 100_000;

/**
 * Appends lines to a tape.
 *
 * @throws {SeamstressError} `output` when the file cannot be written
 */
export class TapeWriter {
  readonly #path: string;
  readonly #file: number;
  #lines: string[] = [];
  #size = 0;
  #weight = 0;
  #since = 0;
  /** Called when a block begins: what is encoded as a change begins anew. */
  onBlock: () => void = () => {};

  constructor(path: string) {
    this.#path = path;
    this.#file = this.#writing(() => {
      // A new file: what lies there may be a link that leads elsewhere.
      rmSync(path, { force: true });
      const file = openSync(path, 'wx');
      writeSync(file, MAGIC);
      return file;
    });
  }

  /** @param weight memory that the line takes once it is read, in bytes, more or less */
  append(line: string, weight: number = line.length): void {
    if (this.#lines.length === 0) this.#since = performance.now();
    this.#lines.push(line);
    this.#size += line.length + 1;
    this.#weight += weight;
    const full = this.#size >= BLOCK || this.#weight >= HEAVIEST;
    if (full || performance.now() - this.#since > OLDEST) this.flush();
  }

  flush(): void {
    if (this.#lines.length === 0) return;
    const packed = deflateRawSync(this.#lines.join('\n'), { level: 1 });
    const block = Buffer.allocUnsafe(4 + packed.length);
    block.writeUInt32LE(packed.length, 0);
    packed.copy(block, 4);
    this.#writing(() => {
      let done = 0;
      while (done < block.length) done += writeSync(this.#file, block, done, block.length - done);
    });
    this.#lines = [];
    this.#size = 0;
    this.#weight = 0;
    this.onBlock();
  }

  close(): void {
    this.flush();
    this.#writing(() => closeSync(this.#file));
  }

  #writing<T>(write: () => T): T {
    try {
      return write();
    } catch (error) {
      throw new SeamstressError('output', `cannot write ${this.#path}: ${messageOf(error)}`, {
        hint: 'Give another folder with --out.',
        cause: error,
      });
    }
  }
}

/** Reads a tape block by block; holds one block at a time. */
export class TapeFile {
  readonly path: string;
  readonly #file: number;
  readonly #size: number;
  #at = MAGIC.length;

  /** @throws {SeamstressError} `config` when there is no tape that this version can read */
  constructor(path: string) {
    this.path = path;
    // A pipe or a device could never end.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
      throw new SeamstressError('config', `there is no tape ${path}`, {
        hint: 'Runs keep one in tape.bin unless --no-tape was given; records of versions before 2 have none.',
      });
    this.#file = openSync(path, 'r');
    this.#size = fstatSync(this.#file).size;
    const head = Buffer.alloc(MAGIC.length);
    readSync(this.#file, head, 0, head.length, 0);
    if (!head.equals(MAGIC)) {
      closeSync(this.#file);
      throw new SeamstressError('config', `${path} is not a tape of this version`, {
        hint: 'Use the version of seamstress that wrote it.',
      });
    }
  }

  /** The lines of the next block; undefined at the end and at a block that was not written whole. */
  next(): string[] | undefined {
    const head = Buffer.alloc(4);
    if (this.#at + 4 > this.#size) return undefined;
    readSync(this.#file, head, 0, 4, this.#at);
    const length = head.readUInt32LE(0);
    if (length > LARGEST || this.#at + 4 + length > this.#size) return undefined;
    const packed = Buffer.allocUnsafe(length);
    readSync(this.#file, packed, 0, length, this.#at + 4);
    try {
      const unpacked = inflateRawSync(packed, { maxOutputLength: LARGEST });
      if (hasMoreLines(unpacked, MOST_LINES)) return undefined;
      const lines = unpacked.toString('utf8').split('\n');
      this.#at += 4 + length;
      return lines;
    } catch {
      return undefined;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

function hasMoreLines(bytes: Buffer, most: number): boolean {
  let count = 1;
  for (let at = bytes.indexOf('\n'); at >= 0; at = bytes.indexOf('\n', at + 1))
    if (++count > most) return true;
  return false;
}
