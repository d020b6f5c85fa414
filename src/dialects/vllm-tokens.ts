/** The tokens that vLLM tells: ids by `return_token_ids`, log-probabilities by the names of tokens. */
import { bestFirst, packed } from '../seam/candidates.ts';
import type { TokenEvent } from '../seam/generation.ts';
import { asArray, asIds, asNumber, asObject, asString, type JsonObject } from './json.ts';
import { readCandidates, tokenEvent } from './openai.ts';
import { NO_BYTES } from './served-tokenizer.ts';

const PLACEHOLDER = 'token_id:';

/** The ids of a chunk; from the log-probabilities where a gateway has dropped `token_ids`. */
export function readChatTokens(choice: JsonObject): TokenEvent[] {
  const told = asArray(asObject(choice['logprobs'])?.['content']);
  const ids =
    asIds(choice['token_ids']) ?? told.flatMap((entry) => placeholder(asObject(entry)) ?? []);
  return ids.map((id, i) => {
    const entry = asObject(told[i]);
    if (entry === undefined || placeholder(entry) !== id) return { id, bytes: NO_BYTES };
    const top = readCandidates(entry['top_logprobs'], placeholder);
    return tokenEvent(id, NO_BYTES, asNumber(entry['logprob']), bestFirst(top));
  });
}

/** The log-probabilities of a completion are lists side by side, with candidates by their name. */
export function readCompletionTokens(ids: readonly number[], choice: JsonObject): TokenEvent[] {
  const logprobs = asObject(choice['logprobs']);
  const own = asArray(logprobs?.['token_logprobs']);
  const tops = asArray(logprobs?.['top_logprobs']);
  return ids.map((id, i) => {
    const top = Object.entries(asObject(tops[i]) ?? {}).flatMap(([name, value]) => {
      const candidateId = placeholder({ token: name });
      const logprob = asNumber(value);
      return candidateId === undefined || logprob === undefined
        ? []
        : [{ id: candidateId, logprob }];
    });
    return tokenEvent(id, NO_BYTES, asNumber(own[i]), bestFirst(packed(top)));
  });
}

/** The id in `token_id:123`, which `return_tokens_as_token_ids` gives in place of a token's text. */
function placeholder(entry: JsonObject | undefined): number | undefined {
  const name = asString(entry?.['token']) ?? '';
  if (!name.startsWith(PLACEHOLDER) || name.length === PLACEHOLDER.length) return undefined;
  // Six of them come with every token: digit by digit is much faster than a regular expression.
  let id = 0;
  for (let i = PLACEHOLDER.length; i < name.length; i++) {
    const digit = name.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    id = 10 * id + digit;
  }
  return id;
}
