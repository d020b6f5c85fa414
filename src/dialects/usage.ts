/** The counts that `usage` states in OpenAI's form, which vLLM and SGLang have too. */
import type { Usage } from './dialect.ts';
import { asNumber, asObject, type JsonObject } from './json.ts';

/** Before anything was told. */
export const NO_USAGE: Usage = { promptTokens: undefined, cachedTokens: undefined };

/** The counts of a chunk or of a whole answer. */
export function readUsage(body: JsonObject, before: Usage = NO_USAGE): Usage {
  const stated = asObject(body['usage']);
  if (stated === undefined) return before;
  const details = asObject(stated['prompt_tokens_details']);
  return {
    promptTokens: asNumber(stated['prompt_tokens']) ?? before.promptTokens,
    cachedTokens: asNumber(details?.['cached_tokens']) ?? before.cachedTokens,
  };
}
