/**
 * The bytes of tokens as a stream tells them, kept once: a long stream says the same few thousand
 * tokens again and again, and small arrays are what a garbage collector has most trouble with.
 */
import { asBytes } from './json.ts';

/** Tokens that are remembered at most. */
const MOST = 1 << 14;

export class Pieces {
  readonly #known = new Map<number, Uint8Array>();

  /** The bytes in a `bytes` field beside a token's id. Not to be written to: others share them. */
  read(id: number, value: unknown): Uint8Array {
    const known = this.#known.get(id);
    if (known !== undefined && isSame(known, value)) return known;
    const bytes = asBytes(value);
    if (this.#known.size < MOST) this.#known.set(id, bytes);
    return bytes;
  }
}

/** The bytes of an id are not always the same: a token can come with those before it that no character ended in. */
function isSame(bytes: Uint8Array, value: unknown): boolean {
  return (
    Array.isArray(value) && value.length === bytes.length && bytes.every((b, i) => b === value[i])
  );
}
