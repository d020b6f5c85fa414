/** The prompt cache as far as it can be seen: how many tokens of a prompt a slot already held. */
export class Slots {
  readonly #held: (readonly number[])[];

  constructor(count: number) {
    this.#held = Array.from({ length: count }, () => []);
  }

  /** Takes a slot for a prompt and says how many of its tokens come from the cache. */
  take(
    prompt: readonly number[],
    options: { readonly slot: number; readonly cache: boolean },
  ): { slot: number; cached: number } {
    const common = this.#held.map((held) => commonLength(held, prompt));
    const named = options.slot >= 0 && options.slot < this.#held.length;
    const slot = named ? options.slot : common.indexOf(Math.max(...common));
    // At least one token is always computed: its logits are the first distribution.
    const cached = options.cache ? Math.min(common[slot] ?? 0, prompt.length - 1) : 0;
    this.#held[slot] = prompt;
    return { slot, cached };
  }
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
