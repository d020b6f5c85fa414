/**
 * How vLLM tells the prompt of a chat. `/tokenize` with messages is not always what chat does with
 * them (0.32 drops `reasoning_content` there, which chat reads), so the first acquaintance compares
 * the two; where they differ, the ids come from a chat for one token.
 */
import type { HttpClient } from '../wire/http.ts';
import { Refusal } from '../wire/refusal.ts';
import type { PromptOracle } from './chat-prompts.ts';
import type { ChatRequest } from './dialect.ts';
import { asIds, asObject, type JsonObject } from './json.ts';
import { CHAT_PATH } from './openai.ts';
import { tokensOf } from './served-tokenizer.ts';
import { templateBody } from './template-body.ts';

export const TOKENIZE = '/tokenize';

const ONE_TOKEN: JsonObject = { max_tokens: 1, temperature: 0, return_token_ids: true };

/** Names of the field for reasoning; the first is used where a template reads none. */
const [USUAL_FIELD, ...OTHER_FIELDS] = ['reasoning', 'reasoning_content'] as const;

/** Asks for a prompt with reasoning: by which field it gets there, and whether chat makes the same. */
export async function examineOracle(
  http: HttpClient,
  model: string,
  signal: AbortSignal,
): Promise<PromptOracle> {
  const request: ChatRequest = {
    messages: [{ role: 'user', content: 'Hi' }],
    tools: [],
    thinking: undefined,
    prefill: { content: 'a' },
    flags: true,
  };
  const thinking = { ...request, prefill: { reasoning: 'b', content: 'a' } };
  const rendered = async (asked: ChatRequest, field: string): Promise<string> => {
    const body = { model, ...templateBody(asked, field) };
    return tokensOf((await http.json('POST', TOKENIZE, body, signal)).body, TOKENIZE).join();
  };
  try {
    const without = await rendered(request, USUAL_FIELD);
    let [field, ids]: [string, string] = [USUAL_FIELD, without];
    for (const name of [USUAL_FIELD, ...OTHER_FIELDS]) {
      const withField = await rendered(thinking, name);
      if (withField === without) continue;
      [field, ids] = [name, withField];
      break;
    }
    const body = { model, ...templateBody(thinking, field), ...ONE_TOKEN };
    const seen = promptOf((await http.json('POST', CHAT_PATH, body, signal)).body)?.join();
    return oracleOf(model, field, seen === undefined || seen === ids ? 'tokenize' : 'chat');
  } catch (error) {
    // A template that refuses this very conversation says nothing about others.
    if (!(error instanceof Refusal) || error.status >= 500) throw error;
    return oracleOf(model, USUAL_FIELD, 'tokenize');
  }
}

function oracleOf(model: string, field: string, by: PromptOracle['by']): PromptOracle {
  return {
    by,
    path: TOKENIZE,
    template: (request) => ({ model, ...templateBody(request, field) }),
    oneToken: ONE_TOKEN,
    seen: promptOf,
  };
}

/** The prompt that a chat answer tells, whole or in its first chunk. */
export function promptOf(answer: unknown): readonly number[] | undefined {
  return asIds(asObject(answer)?.['prompt_token_ids']);
}
