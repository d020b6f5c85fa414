/** The raw bytes of a response body, in the pieces in which they were read. */

/** One piece of a response body as it arrived. */
export interface RawChunk {
  /** Milliseconds since the request was sent. */
  readonly atMs: number;
  readonly bytes: Uint8Array;
}
