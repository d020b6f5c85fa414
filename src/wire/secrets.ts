/** Keeps keys out of everything that is shown or stored. */
import type { RawChunk } from './capture.ts';

/** Shorter values are words such as `none` and `EMPTY`, which local servers take for a key. */
const SHORTEST_SECRET = 6;

const REDACTED = '[redacted]';
/** What stands for each byte of a secret in captured bytes, whose number and times stay. */
const MASK = '*'.charCodeAt(0);

/** Hides the values of headers that carry secrets, wherever a server repeats them. */
export class Secrets {
  readonly #values: readonly string[];

  /**
   * @param headers the request's own; those named after keys, tokens, cookies and the like count
   * @param others values that are secret whatever their name
   */
  constructor(headers: Readonly<Record<string, string>>, others: readonly string[] = []) {
    const values = Object.entries(headers)
      .filter(([name]) => /auth|key|token|secret|cookie|password/i.test(name))
      .flatMap(([, value]) => [value.trim(), ...value.trim().split(/\s+/)]);
    this.#values = [...new Set([...values, ...others].flatMap(spellings))]
      .filter((value) => value.length >= SHORTEST_SECRET)
      .toSorted((a, b) => b.length - a.length);
  }

  /** The text with each secret replaced by `[redacted]`. */
  hide(text: string): string {
    if (this.#values.length === 0) return text;
    return this.#values.reduce((hidden, value) => hidden.replaceAll(value, REDACTED), text);
  }

  /** Captured bytes with each secret overwritten, also one that arrived in pieces. */
  mask(capture: readonly RawChunk[]): readonly RawChunk[] {
    if (this.#values.length === 0 || capture.length === 0) return capture;
    const all = Buffer.concat(capture.map(({ bytes }) => bytes));
    let found = false;
    for (const value of this.#values) {
      const secret = Buffer.from(value);
      for (let at = all.indexOf(secret); at >= 0; at = all.indexOf(secret, at + secret.length)) {
        all.fill(MASK, at, at + secret.length);
        found = true;
      }
    }
    if (!found) return capture;
    let start = 0;
    return capture.map(({ atMs, bytes }) => {
      const from = start;
      start += bytes.length;
      return { atMs, bytes: new Uint8Array(all.subarray(from, start)) };
    });
  }
}

/** A secret as it may be repeated: plain, inside of a URL, inside of JSON, and of JSON in that. */
function spellings(value: string): string[] {
  const inJson = [value, ...escaped(value)];
  return [...inJson, ...inJson.flatMap(escaped), encodeURIComponent(value.toWellFormed())];
}

function escaped(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  return [json, json.replaceAll('/', String.raw`\/`)];
}
