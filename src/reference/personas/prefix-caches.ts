/** The prefix cache of a server, one for each salt that requests are sent with. */
import { asString } from '../../dialects/json.ts';
import { Lru } from '../lru.ts';
import { Slots } from '../slots.ts';

/** Prompts that each keeps. */
const PROMPTS = 64;

export class PrefixCaches {
  readonly #caches: Lru<string, Slots>;

  /** @param salts distinct salts that are remembered */
  constructor(salts: number) {
    this.#caches = new Lru(salts);
  }

  /** Tokens of a prompt that the cache of this salt has; it has all of them from then on. */
  take(salt: unknown, ids: readonly number[]): number {
    const cache = this.#caches.getOrMake(asString(salt) ?? '', () => new Slots(PROMPTS));
    return cache.take(ids, { slot: -1, cache: true }).cached;
  }
}
