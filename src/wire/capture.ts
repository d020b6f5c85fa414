/** The raw bytes of a response body, in the pieces in which they were read. */

/** One piece of a response body as it arrived. */
export interface RawChunk {
  /** Milliseconds since the request was sent. */
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

/**
 * Keeps a body. Servers send each event in an HTTP chunk of its own; those that one read of the
 * socket brought arrived together and become one piece, so that a long stream is not kept in a
 * hundred thousand.
 */
export class Capture {
  readonly #reads: Read[] = [];

  /** Bytes that came at the same time and lie in the same buffer are of one read. */
  add(bytes: Uint8Array, atMs: number): void {
    const last = this.#reads.at(-1);
    if (last !== undefined && last.buffer === bytes.buffer && last.atMs === atMs) last.add(bytes);
    else this.#reads.push(new Read(bytes, atMs));
  }

  /** All pieces so far. */
  chunks(): readonly RawChunk[] {
    return [...this.#reads];
  }
}

/** What one read of the socket brought: kept where it lies, and joined when somebody asks for it. */
class Read implements RawChunk {
  readonly atMs: number;
  readonly buffer: ArrayBufferLike;
  /** Where the bytes lie in the buffer: starts and ends in turns. */
  readonly #spans: number[];
  #joined: Uint8Array | undefined;

  constructor(bytes: Uint8Array, atMs: number) {
    this.atMs = atMs;
    this.buffer = bytes.buffer;
    this.#spans = [bytes.byteOffset, bytes.byteOffset + bytes.length];
  }

  add(bytes: Uint8Array): void {
    this.#spans.push(bytes.byteOffset, bytes.byteOffset + bytes.length);
    this.#joined = undefined;
  }

  get bytes(): Uint8Array {
    this.#joined ??= Buffer.concat(this.#pieces());
    return this.#joined;
  }

  #pieces(): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    for (let i = 0; i < this.#spans.length; i += 2) {
      const [start = 0, end = start] = this.#spans.slice(i, i + 2);
      pieces.push(new Uint8Array(this.buffer, start, end - start));
    }
    return pieces;
  }
}
