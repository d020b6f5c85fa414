/**
 * From tokens to text, as llama.cpp does it: text waits while its last character is incomplete
 * and while its end could be the beginning of a stop string. Stop strings are looked for in the
 * raw text of this generation, reasoning and tags included, never across the seam.
 */

/** What one token lets out. */
export interface Released {
  readonly text: string;
  /** True while a character is incomplete: the token is then not told at all. */
  readonly incomplete: boolean;
  /** The stop string that was found; its text and what follows are not let out. */
  readonly stop?: string;
  /** Where in `text` (UTF-16) the first character stands that several tokens made up. */
  readonly split?: number;
}

export class TextOut {
  readonly #stops: readonly string[];
  /** Bytes of tokens that ended inside a character. */
  #partial = Buffer.alloc(0);
  /** Text that could begin a stop string. */
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '');
  }

  /** Takes a token's printed bytes. */
  add(bytes: Uint8Array): Released {
    const joined =
      this.#partial.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#partial, bytes]);
    if (endsInsideCharacter(joined)) {
      this.#partial = joined;
      return { text: '', incomplete: true };
    }
    const split = this.#partial.length === 0 ? undefined : completeLength(this.#partial);
    const text = decode(joined);
    const before = this.#held.length;
    const splitAt =
      split === undefined ? {} : { split: before + decode(joined.subarray(0, split)).length };
    this.#partial = Buffer.alloc(0);
    const candidate = this.#held + text;
    const found = this.#stops
      .map((stop) => ({ stop, at: candidate.indexOf(stop) }))
      .filter(({ at }) => at >= 0)
      .toSorted((a, b) => a.at - b.at)[0];
    if (found !== undefined) {
      this.#held = '';
      return { text: candidate.slice(0, found.at), incomplete: false, stop: found.stop };
    }
    if (this.#stops.some((stop) => endsWithBeginning(candidate, stop))) {
      this.#held = candidate;
      return { text: '', incomplete: false };
    }
    this.#held = '';
    return { text: candidate, incomplete: false, ...splitAt };
  }

  /** What is still held back when the generation ends; an incomplete character is lost. */
  end(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }
}

/** Decodes whole characters; a byte that cannot belong to one becomes U+FFFD. */
function decode(bytes: Buffer): string {
  return bytes.toString('utf8');
}

/** True when the last character lacks bytes. */
function endsInsideCharacter(bytes: Buffer): boolean {
  return completeLength(bytes) < bytes.length;
}

/** The number of bytes before an incomplete last character. */
function completeLength(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return back < length ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function endsWithBeginning(text: string, stop: string): boolean {
  for (let length = Math.min(text.length, stop.length); length > 0; length--)
    if (text.endsWith(stop.slice(0, length))) return true;
  return false;
}
