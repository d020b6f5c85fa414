/** llama.cpp's `/completion`: it goes on from ids, and tells every id. */
import { SeamstressError } from '../errors.ts';
import type { TokenEvent } from '../seam/generation.ts';
import type { SamplingOptions, Usage } from './dialect.ts';
import { asIds, asNumber, asObject, asString, type JsonObject } from './json.ts';
import { readLogprobs } from './openai.ts';

export function completionBody(prompt: readonly number[], sampling: SamplingOptions): JsonObject {
  return {
    prompt,
    temperature: 0,
    n_predict: sampling.maxTokens,
    ...(sampling.stop === undefined ? {} : { stop: sampling.stop }),
    stream: false,
    return_tokens: true,
    n_probs: Math.max(1, sampling.top),
    cache_prompt: sampling.cache === 'warm',
  };
}

/** What an answer of `/completion` tells. */
interface Continuation {
  readonly tokens: readonly TokenEvent[];
  readonly finish: string;
  readonly usage: Usage;
}

/**
 * Reads an answer of `/completion`.
 *
 * @throws {SeamstressError} `target` when it has no ids, or log-probabilities of other ones
 */
export function readCompletion(answer: unknown): Continuation {
  const body = asObject(answer) ?? {};
  const ids = asIds(body['tokens']);
  if (ids === undefined)
    throw new SeamstressError('target', '/completion answered without token ids', {
      hint: 'The build is too old for return_tokens; use a newer one.',
    });
  return {
    tokens: withLogprobs(ids, readLogprobs(body['completion_probabilities'])),
    finish: asString(body['stop_type']) === 'limit' ? 'length' : 'stop',
    usage: {
      promptTokens: asNumber(body['tokens_evaluated']),
      cachedTokens: asNumber(asObject(body['timings'])?.['cache_n']),
    },
  };
}

/**
 * The generated tokens with what is told of them. Of a token that ends inside a character the
 * server tells nothing; the bytes come with the token that completes the character, and so the
 * ones before it have none here.
 */
function withLogprobs(ids: readonly number[], told: readonly TokenEvent[]): TokenEvent[] {
  let next = told.length - 1;
  // From the end: the token that completes a character can have the id of the one before it.
  const tokens = ids
    .toReversed()
    .map((id): TokenEvent => {
      const token = told[next];
      if (token?.id !== id) return { id, bytes: new Uint8Array() };
      next--;
      return token;
    })
    .toReversed();
  if (next >= 0)
    throw new SeamstressError(
      'target',
      '/completion told log-probabilities of other tokens than it generated',
    );
  return tokens;
}
