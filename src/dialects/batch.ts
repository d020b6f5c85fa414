/**
 * Asks for several things in one request: while one request is under way, what is asked for
 * gathers, and goes out together when that one is back. Nothing waits longer than for that.
 */
export class Batch<Item, Result> {
  readonly #send: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly #most: number;
  #waiting: {
    readonly item: Item;
    readonly resolve: (result: Result) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  #busy = false;

  /**
   * @param send gives a result for each item, in their order; when it fails for several, each is
   *   sent alone, so that one bad item does not fail the others
   * @param most items of one request at most
   */
  constructor(send: (items: readonly Item[]) => Promise<readonly Result[]>, most: number) {
    this.#send = send;
    this.#most = most;
  }

  async get(item: Item): Promise<Result> {
    return await new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, this.#most);
      this.#waiting = this.#waiting.slice(this.#most);
      const results = await this.#try(batch.map(({ item }) => item));
      for (const [i, { resolve, reject }] of batch.entries()) {
        const result = results[i];
        if (result === undefined) reject(new Error('a batch came back short'));
        else if ('value' in result) resolve(result.value);
        else reject(result.error);
      }
    }
    this.#busy = false;
  }

  async #try(
    items: readonly Item[],
  ): Promise<readonly ({ readonly value: Result } | { readonly error: unknown })[]> {
    try {
      return (await this.#send(items)).map((value) => ({ value }));
    } catch (error) {
      if (items.length === 1) return [{ error }];
      const alone = [];
      for (const item of items) alone.push(...(await this.#try([item])));
      return alone;
    }
  }
}
