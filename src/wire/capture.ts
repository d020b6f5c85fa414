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
  readonly #chunks: RawChunk[] = [];
  /** What the last read has brought so far: views of one buffer. */
  #read: Uint8Array[] = [];
  #readMs = 0;

  add(bytes: Uint8Array, atMs: number): void {
    if (this.#read[0]?.buffer !== bytes.buffer) {
      this.#endRead();
      this.#readMs = atMs;
    }
    this.#read.push(bytes);
  }

  /** All pieces so far. */
  chunks(): readonly RawChunk[] {
    this.#endRead();
    return this.#chunks;
  }

  #endRead(): void {
    const [first, ...more] = this.#read;
    if (first === undefined) return;
    const bytes = more.length === 0 ? first : Buffer.concat(this.#read);
    this.#chunks.push({ atMs: this.#readMs, bytes });
    this.#read = [];
  }
}
