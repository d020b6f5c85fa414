/** Keys for a server's prefix cache: requests with the same key share it, no others do. */
import { randomUUID } from 'node:crypto';
import type { SamplingOptions } from './dialect.ts';

export class CacheKeys {
  readonly #warm = randomUUID();
  #colds = 0;

  /** The key of all warm requests, or one of its own for a cold one. */
  of(cache: SamplingOptions['cache']): string {
    return cache === 'warm' ? this.#warm : `${this.#warm}-${this.#colds++}`;
  }
}
