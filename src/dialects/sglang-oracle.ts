/**
 * What SGLang tells of prompts. `/v1/tokenize` with messages goes the very way of a chat up to the
 * model; where a version does not read messages there, a chat for one token tells its prompt
 * (`return_prompt_token_ids`).
 */
import type { HttpClient } from '../wire/http.ts';
import { Refusal } from '../wire/refusal.ts';
import { isMissing, troubleOf } from './acquaint.ts';
import type { PromptOracle } from './chat-prompts.ts';
import type { ChatRequest } from './dialect.ts';
import { asArray, asIds, asObject, type JsonObject } from './json.ts';
import { CHAT_PATH } from './openai.ts';
import { tokenizeBody } from './served-tokenizer.ts';
import { continuation, GENERATE } from './sglang-generate.ts';
import { templateBody } from './template-body.ts';

export const TOKENIZE = '/v1/tokenize';

export interface SglangOracle extends PromptOracle {
  /** What the server puts before the ids of every text, as `<s>`; it is taken off. */
  readonly before: readonly number[];
}

/** It refuses `add_generation_prompt: false`. */
export const FLAGS: JsonObject = { continue_final_message: true };

const ONE_TOKEN: JsonObject = {
  max_tokens: 1,
  temperature: 0,
  stream: false,
  return_prompt_token_ids: true,
};

/** Finds out what the server tells; undefined where that is not enough for ids. */
export async function examineOracle(
  http: HttpClient,
  model: string,
  signal: AbortSignal,
): Promise<SglangOracle | undefined> {
  const request: ChatRequest = {
    messages: [{ role: 'user', content: 'Hi' }],
    tools: [],
    thinking: undefined,
  };
  const ask = (path: string, body: JsonObject): Promise<unknown> =>
    allowed(http, path, body, signal);
  const [first, second] = [
    promptIds(await ask(TOKENIZE, tokenizeBody(model, 'a'))),
    promptIds(await ask(TOKENIZE, tokenizeBody(model, 'b'))),
  ];
  if (first === undefined || second === undefined) return undefined;
  const before = first.slice(
    0,
    first.findIndex((id, i) => id !== second[i]),
  );
  const template = (chat: ChatRequest): JsonObject => ({
    model,
    ...templateBody(chat, 'reasoning_content', FLAGS),
  });
  const rendered = promptIds(await ask(TOKENIZE, template(request)));
  const seen = chatIds(await ask(CHAT_PATH, { ...template(request), ...ONE_TOKEN }));
  const ids = rendered ?? seen;
  if (ids === undefined) return undefined;
  if (continuation(await ask(GENERATE, { input_ids: ids, ...GENERATE_ONE })) === undefined)
    return undefined;
  // What chat itself says is believed where the two differ.
  const tokenizes =
    rendered !== undefined && (seen === undefined || seen.join() === rendered.join());
  const by = tokenizes ? 'tokenize' : 'chat';
  return { by, path: TOKENIZE, template, oneToken: ONE_TOKEN, seen: chatIds, before };
}

/** The ids of an answer of `/v1/tokenize`; undefined when there are none. */
function promptIds(body: unknown): readonly number[] | undefined {
  return asIds(asObject(body)?.['tokens']);
}

/** The ids of the prompt that a whole chat answer tells. */
function chatIds(body: unknown): readonly number[] | undefined {
  return asIds(asObject(asArray(asObject(body)?.['choices'])[0])?.['prompt_token_ids']);
}

const GENERATE_ONE: JsonObject = {
  sampling_params: { temperature: 0, max_new_tokens: 1 },
  return_logprob: true,
  stream: false,
};

/** The answer; undefined where the server does not have the path, or does not know what is asked. */
async function allowed(
  http: HttpClient,
  path: string,
  body: JsonObject,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    return (await http.json('POST', path, body, signal)).body;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (isMissing(error) || error.status === 400 || error.status === 422) return undefined;
    throw troubleOf(http, path, error);
  }
}
