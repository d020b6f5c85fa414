/** Remembers the results of an asynchronous function, the oldest forgotten first. */

const MOST_BYTES = 8 * 1024 * 1024;

export class Memo<T> {
  readonly #most: { readonly entries: number; readonly bytes: number };
  readonly #results = new Map<string, { readonly result: Promise<T>; bytes: number }>();
  #bytes = 0;

  /**
   * @param entries results kept at most
   * @param bytes memory that they and their keys may take, more or less
   */
  constructor(entries: number, bytes: number = MOST_BYTES) {
    this.#most = { entries, bytes };
  }

  /** The remembered result for `key`, else that of `compute`. A failure is not remembered. */
  async get(key: string, compute: () => Promise<T>): Promise<T> {
    const known = this.#results.get(key);
    if (known !== undefined) return await known.result;
    const entry = { result: compute(), bytes: 0 };
    this.#results.set(key, entry);
    try {
      const value = await entry.result;
      if (this.#results.get(key) === entry) {
        entry.bytes = 2 * key.length + roughSize(value);
        this.#bytes += entry.bytes;
      }
      this.#forgetOldest();
      return value;
    } catch (error) {
      if (this.#results.get(key) === entry) this.#results.delete(key);
      throw error;
    }
  }

  #forgetOldest(): void {
    for (const [key, { bytes }] of this.#results) {
      if (this.#results.size <= this.#most.entries && this.#bytes <= this.#most.bytes) return;
      this.#results.delete(key);
      this.#bytes -= bytes;
    }
  }
}

/** Bytes that a value takes, more or less: exact for none, of the right size for texts and lists of ids. */
function roughSize(value: unknown): number {
  if (typeof value === 'string') return 2 * value.length + 16;
  if (typeof value !== 'object' || value === null) return 8;
  if (value instanceof Uint8Array) return value.length + 64;
  if (Array.isArray(value) && typeof value[0] === 'number') return 8 * value.length + 16;
  return Object.values(value).reduce<number>((total, part) => total + 16 + roughSize(part), 32);
}
