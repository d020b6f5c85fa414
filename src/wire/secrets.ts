/** Keeps keys out of everything that is shown or stored. */

/** Shorter values are words such as `none` and `EMPTY`, which local servers take for a key. */
const SHORTEST_SECRET = 6;

/** Hides the values of headers that carry secrets, wherever a server repeats them. */
export class Secrets {
  readonly #values: readonly string[];

  /** `headers` are the request's own; those named after keys, tokens, cookies and the like count. */
  constructor(headers: Readonly<Record<string, string>>) {
    this.#values = Object.entries(headers)
      .filter(([name]) => /auth|key|token|secret|cookie|password/i.test(name))
      .flatMap(([, value]) => [value.trim(), ...value.trim().split(/\s+/)])
      .filter((value) => value.length >= SHORTEST_SECRET)
      .toSorted((a, b) => b.length - a.length);
  }

  /** The text with each secret replaced by `[redacted]`. */
  hide(text: string): string {
    return this.#values.reduce((hidden, value) => hidden.replaceAll(value, '[redacted]'), text);
  }
}
