/** How much of a campaign is under way at once. */
import pLimit from 'p-limit';

/** Runs a task when there is room for it. */
export type Limit = <T>(task: () => Promise<T>) => Promise<T>;

/** Room for the two kinds of work. */
export interface Room {
  /** For what generates nothing: renders and tokenizations. */
  readonly checks: Limit;
  readonly generations: Limit;
}

/** Prompts checked at once for each generation: they cost a server little, and go out in batches. */
const CHECKS = 4;

const atOnce: Limit = (task) => task();

/** Always has room. */
export const UNLIMITED: Room = { checks: atOnce, generations: atOnce };

/** Room for some generations at once, and a way to wait until nothing is under way any more. */
export class LimitedRoom implements Room {
  readonly checks: Limit;
  readonly generations: Limit;
  readonly #active = new Set<Promise<unknown>>();
  readonly #clear: (() => void)[] = [];

  /** @param concurrency generations at once */
  constructor(concurrency: number) {
    this.checks = this.#limit(concurrency * CHECKS);
    this.generations = this.#limit(concurrency);
  }

  /** Forgets what has not begun and waits for the rest. */
  async empty(): Promise<void> {
    for (const clear of this.#clear) clear();
    await Promise.allSettled(this.#active);
  }

  #limit(most: number): Limit {
    const limit = pLimit(most);
    this.#clear.push(() => limit.clearQueue());
    return (task) =>
      limit(() => {
        const running = task();
        this.#active.add(running);
        return running.finally(() => this.#active.delete(running));
      });
  }
}
