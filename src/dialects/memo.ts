/** Remembers the results of an asynchronous function, the oldest forgotten first. */
export class Memo<T> {
  readonly #limit: number;
  readonly #results = new Map<string, Promise<T>>();

  /** @param limit entries kept at most */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The remembered result for `key`, else that of `compute`. A failure is not remembered. */
  async get(key: string, compute: () => Promise<T>): Promise<T> {
    const known = this.#results.get(key);
    if (known !== undefined) return await known;
    const result = compute();
    this.#results.set(key, result);
    if (this.#results.size > this.#limit) {
      const oldest = this.#results.keys().next();
      if (oldest.done !== true) this.#results.delete(oldest.value);
    }
    try {
      return await result;
    } catch (error) {
      this.#results.delete(key);
      throw error;
    }
  }
}
