/**
 * DeepSeek's hosted API, by its documentation: on `/beta` a last message with `prefix: true` is
 * continued, `reasoning_content` in it is the thinking so far, and the answer holds only what is
 * new. A thinking model refuses a trailing assistant message without the marker.
 */
import { asObject, type JsonObject } from '../../dialects/json.ts';
import { ApiError } from '../api-error.ts';
import type { Engine } from '../engine.ts';
import { sendJson } from '../http.ts';
import {
  continuedPrompt,
  endsWithAssistant,
  messagesOf,
  modelList,
  newTurnPrompt,
  type Conversation,
} from './hosted.ts';
import { sendAnswer } from './openai-answer.ts';
import type { Exchange, Persona } from './persona.ts';

const WORDS =
  'The last message of deepseek-reasoner must be a user message, or an assistant message with prefix mode on (refer to https://api-docs.deepseek.com/guides/chat_prefix_completion).';

export const deepseek: Persona = {
  name: 'deepseek',
  dialect: 'deepseek',
  sources: [
    'api-docs.deepseek.com/guides/chat_prefix_completion',
    'the refusal: litellm #8090, gptme #467',
  ],
  lacks: ['keys, prices and limits'],
  routes: (engine) => ({
    'GET /models': ({ response }) =>
      sendJson(response, 200, modelList(['deepseek-reasoner'], { owned_by: 'deepseek' })),
    'POST /chat/completions': (exchange) => answer(engine, exchange, false),
    'POST /v1/chat/completions': (exchange) => answer(engine, exchange, false),
    'POST /beta/chat/completions': (exchange) => answer(engine, exchange, true),
  }),
  errorBody: ({ message, type }) => ({ error: { message, type, param: null, code: type } }),
};

async function answer(engine: Engine, exchange: Exchange, beta: boolean): Promise<void> {
  const { body } = exchange;
  const conversation = read(body);
  const { messages, tools, thinking } = conversation;
  const marked = beta && messages.at(-1)?.['prefix'] === true;
  if (marked && !endsWithAssistant(messages))
    throw new ApiError(400, 'The last message must be an assistant message with prefix mode on.');
  if (endsWithAssistant(messages) && !marked && thinking !== false) throw new ApiError(400, WORDS);
  const prompt = marked
    ? continuedPrompt(engine, conversation)
    : newTurnPrompt(engine, conversation);
  await sendAnswer(engine, exchange, prompt, tools, {
    reasoningField: 'reasoning_content',
    logprobs: true,
  });
}

function read(body: JsonObject): Conversation {
  const thinking = asObject(body['thinking'])?.['type'];
  return {
    messages: messagesOf(body),
    tools: Array.isArray(body['tools']) ? body['tools'] : [],
    thinking: thinking === undefined ? undefined : thinking === 'enabled',
  };
}
