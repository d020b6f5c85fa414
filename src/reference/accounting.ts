/** What an answer says about itself: token counts, times, log-probabilities, names. */
import { randomBytes } from 'node:crypto';
import type { Step } from './engine.ts';
import type { Vocabulary } from './vocabulary.ts';

export const MODEL_NAME = 'thinker';
export const BUILD = 'reference-1';

/** Times and counts of one generation. */
export class Account {
  readonly promptLength: number;
  readonly cached: number;
  predicted = 0;
  readonly #started = performance.now();
  #firstToken: number | undefined;

  constructor(promptLength: number, cached: number) {
    this.promptLength = promptLength;
    this.cached = cached;
  }

  count(step: Step): void {
    this.#firstToken ??= performance.now();
    this.predicted = step.place;
  }

  timings(): object {
    const now = performance.now();
    const promptMs = Math.max(0.001, (this.#firstToken ?? now) - this.#started);
    const predictedMs = Math.max(0.001, now - (this.#firstToken ?? now));
    const promptCount = this.promptLength - this.cached;
    return {
      cache_n: this.cached,
      prompt_n: promptCount,
      prompt_ms: promptMs,
      prompt_per_token_ms: promptMs / Math.max(1, promptCount),
      prompt_per_second: (1000 * promptCount) / promptMs,
      predicted_n: this.predicted,
      predicted_ms: predictedMs,
      predicted_per_token_ms: predictedMs / Math.max(1, this.predicted),
      predicted_per_second: (1000 * this.predicted) / predictedMs,
    };
  }

  usage(): object {
    return {
      completion_tokens: this.predicted,
      prompt_tokens: this.promptLength,
      total_tokens: this.promptLength + this.predicted,
      prompt_tokens_details: { cached_tokens: this.cached },
    };
  }
}

/**
 * A token's log-probability entry. Its text and bytes are what the token let out (a token that
 * completes a character or frees held-back text tells all of it); control tokens have none.
 */
export function logprobEntry(vocabulary: Vocabulary, step: Step): object {
  return {
    id: step.id,
    token: step.released.text,
    bytes: [...Buffer.from(step.released.text)],
    logprob: step.candidates[0]?.logprob ?? 0,
    top_logprobs: step.candidates.map(({ id, logprob }) => {
      const bytes = vocabulary.printed(id);
      return { id, token: Buffer.from(bytes).toString('utf8'), bytes: [...bytes], logprob };
    }),
  };
}

/** A random identifier of letters and digits. */
export function randomId(): string {
  return randomBytes(24).toString('base64url').replaceAll(/[-_]/g, 'x');
}
