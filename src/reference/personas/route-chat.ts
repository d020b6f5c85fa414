/** The APIs beside the chat that llama.cpp and vLLM make of it. */
import { sendJson } from '../http.ts';
import type { Chatter } from './chatter.ts';
import type { Routes } from './persona.ts';
import { answerMessages, chatOfMessages } from './route-messages.ts';
import { answerResponses, chatOfResponses } from './route-responses.ts';

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
