/** What chats and completions of vLLM tell alike: tokens by id or name, counts, and why they ended. */
import { asObject, type JsonObject } from '../../dialects/json.ts';
import type { Ended, Engine, Step } from '../engine.ts';
import { readInteger, readStops } from '../sampling.ts';

/** A prompt, and how much of it the prefix cache had. */
export interface CachedPrompt {
  readonly ids: readonly number[];
  readonly cached: number;
}

/** What a request wants besides its prompt. */
export interface Wishes {
  readonly ids: boolean;
  readonly idNames: boolean;
  readonly logprobs: boolean;
  readonly top: number;
  readonly limit: number;
  readonly stop: readonly string[];
  readonly stream: boolean;
  readonly usage: boolean;
}

export function readWishes(body: JsonObject, logprobs: boolean, top: number): Wishes {
  return {
    ids: body['return_token_ids'] === true,
    idNames: body['return_tokens_as_token_ids'] === true,
    logprobs,
    top,
    limit: readInteger(body, ['max_completion_tokens', 'max_tokens'], -1),
    stop: readStops(body),
    stream: body['stream'] === true,
    usage: asObject(body['stream_options'])?.['include_usage'] === true,
  };
}

/** Seconds since 1970. */
export function now(): number {
  return Math.floor(Date.now() / 1000);
}

/** A token by its text, or as `token_id:123` where that was asked for. */
export function nameOf({ vocabulary }: Engine, id: number, { idNames }: Wishes): string {
  return idNames ? `token_id:${id}` : vocabulary.textOf(id);
}

/** The log-probability of the token that was chosen. */
export function ownLogprob({ candidates }: Step): number {
  return candidates[0]?.logprob ?? 0;
}

export function usageOf(prompt: CachedPrompt, made: number): object {
  return {
    prompt_tokens: prompt.ids.length,
    total_tokens: prompt.ids.length + made,
    completion_tokens: made,
    prompt_tokens_details: { cached_tokens: prompt.cached },
  };
}

export function finishOf(ended: Ended, called: boolean): string {
  if (ended.type === 'limit') return 'length';
  return called ? 'tool_calls' : 'stop';
}

export function stopReason(ended: Ended): string | null {
  return ended.type === 'word' ? ended.word : null;
}
