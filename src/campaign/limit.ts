/** How much of a campaign is under way at once. */
import pLimit from 'p-limit';
import type { Target } from '../dialects/dialect.ts';

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

/** How many whole generations, cold and then warm, can be under way without one cooling another. */
export function sideBySide(target: Pick<Target, 'sharedCache'>, concurrency: number): number {
  return target.sharedCache === true ? concurrency : 1;
}

/**
 * Runs a task for each item, so many at once, and gives what comes of them in the order of the
 * items. Where it is left early, it waits for what is under way.
 */
export async function* inOrder<Item, Result>(
  items: Iterable<Item>,
  most: number,
  task: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const under: Promise<Result>[] = [];
  try {
    for (const item of items) {
      const running = task(item);
      running.catch(() => undefined);
      under.push(running);
      if (under.length >= most) yield await (under.shift() as Promise<Result>);
    }
    while (under.length > 0) yield await (under.shift() as Promise<Result>);
  } finally {
    await Promise.allSettled(under);
  }
}

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
