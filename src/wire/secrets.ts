/** Keeps keys out of everything that is shown or stored. */
import type { RawChunk } from './capture.ts';
import { Spelled } from './spelled.ts';

/** Shorter values are words such as `none` and `EMPTY`, which local servers take for a key. */
export const SHORTEST_SECRET = 6;

const REDACTED = '[redacted]';
/** What stands for each byte of a secret in captured bytes, whose number and times stay. */
const MASK = '*'.charCodeAt(0);
/** Captured bytes are searched in pieces of about this size. */
const PIECE = 4 * 1024 * 1024;
/** What stands before the secret in `authorization`. */
const SCHEME = /^(?:basic|bearer|token|apikey|digest|negotiate)$/i;

/** Hides the values of headers that carry secrets, wherever a server repeats them. */
export class Secrets {
  readonly #spelled: Spelled;

  /**
   * @param headers the request's own; those named after keys, tokens, cookies and the like count
   * @param others values that are secret whatever their name
   */
  constructor(headers: Readonly<Record<string, string>>, others: readonly string[] = []) {
    const values = Object.entries(headers)
      .filter(([name]) => /auth|key|token|secret|cookie|password/i.test(name))
      .flatMap(([, value]) => [value.trim(), ...value.trim().split(/\s+/), ...pairIn(value)]);
    this.#spelled = new Spelled(
      [...new Set([...values, ...others])].filter(
        (value) => value.length >= SHORTEST_SECRET && !SCHEME.test(value),
      ),
    );
  }

  /**
   * The text with each secret replaced by `[redacted]`.
   * @param cut the text was cut off: the beginning of a secret at its end is hidden too
   */
  hide(text: string, cut = false): string {
    return this.#spelled.replace(text, () => REDACTED, cut);
  }

  /** Captured bytes with each secret overwritten, also one that arrived in pieces or was cut off. */
  mask(capture: readonly RawChunk[]): readonly RawChunk[] {
    if (!this.#spelled.any || capture.length === 0) return capture;
    const all = Buffer.concat(capture.map(({ bytes }) => bytes));
    if (!this.#overwrite(all)) return capture;
    let start = 0;
    return capture.map(({ atMs, bytes }) => {
      const from = start;
      start += bytes.length;
      return { atMs, bytes: new Uint8Array(all.subarray(from, start)) };
    });
  }

  /** True when something was found. */
  #overwrite(all: Buffer): boolean {
    let changed = false;
    for (let from = 0; from < all.length; from += PIECE) {
      // One that begins in this piece may reach into the next one.
      const to = Math.min(all.length, from + PIECE + this.#spelled.longest);
      const text = all.toString('latin1', from, to);
      for (const { start, end } of this.#spelled.in(text, to === all.length)) {
        all.fill(MASK, from + start, from + end);
        changed = true;
      }
    }
    return changed;
  }
}

/** User and password of a Basic header. */
function pairIn(value: string): string[] {
  const encoded = /^\s*basic\s+(\S+)/i.exec(value)?.[1];
  if (encoded === undefined) return [];
  const pair = Buffer.from(encoded, 'base64').toString();
  const colon = pair.indexOf(':');
  if (colon < 0) return [pair];
  const password = pair.slice(colon + 1);
  return password.length < SHORTEST_SECRET ? [pair, pair.slice(0, colon)] : [pair, password];
}
