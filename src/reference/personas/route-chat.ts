/** The APIs beside the chat that llama.cpp and vLLM make of it. */
import type { JsonObject } from '../../dialects/json.ts';
import { sendJson } from '../http.ts';
import type { Exchange, Routes } from './persona.ts';
import { answerMessages, chatOfMessages } from './route-messages.ts';
import { answerResponses, chatOfResponses } from './route-responses.ts';

/** The chat of a persona, and what it makes of requests in other forms. */
export interface Chatter {
  /** The field in which its chat reads and tells reasoning. */
  readonly reasoningField: string;
  /** Whether an item that is in progress asks for the continuation flags. */
  readonly readsStatus: boolean;
  /** Whether a response that ended at its limit says so. */
  readonly tellsLimit: boolean;
  chat(exchange: Exchange): Promise<void>;
  /** Tokens of a chat request's prompt. */
  count(body: JsonObject): number;
}

/** The routes of both APIs. */
export function otherRoutes(chatter: Chatter): Routes {
  return {
    'POST /v1/messages': (exchange) => answerMessages(exchange, chatter),
    'POST /v1/messages/count_tokens': ({ body, response }) =>
      sendJson(response, 200, { input_tokens: chatter.count(chatOfMessages(body, chatter)) }),
    'POST /v1/responses': (exchange) => answerResponses(exchange, chatter),
    'POST /v1/responses/input_tokens': ({ body, response }) =>
      sendJson(response, 200, {
        input_tokens: chatter.count(chatOfResponses(body, chatter)),
        object: 'response.input_tokens',
      }),
  };
}
