/**
 * Moonshot's Kimi, by its documentation: a last message with `partial: true` is continued and the
 * answer holds only what is new; without the marker it is a past turn.
 */
import { asObject } from '../../dialects/json.ts';
import type { Engine } from '../engine.ts';
import { sendJson } from '../http.ts';
import {
  continuedPrompt,
  endsWithAssistant,
  messagesOf,
  modelList,
  newTurnPrompt,
} from './hosted.ts';
import { sendAnswer } from './openai-answer.ts';
import type { Exchange, Persona } from './persona.ts';

export const kimi: Persona = {
  name: 'kimi',
  dialect: 'kimi',
  sources: ['platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api'],
  lacks: ['keys, prices and limits', 'the `name` of a partial message'],
  routes: (engine) => ({
    'GET /v1/models': ({ response }) =>
      sendJson(response, 200, modelList(['kimi-k2-thinking'], { owned_by: 'moonshot' })),
    'POST /v1/chat/completions': (exchange) => answer(engine, exchange),
  }),
  errorBody: ({ message, type }) => ({ error: { message, type } }),
};

async function answer(engine: Engine, exchange: Exchange): Promise<void> {
  const { body } = exchange;
  const thinking = asObject(body['thinking'])?.['type'];
  const messages = messagesOf(body);
  const tools = Array.isArray(body['tools']) ? body['tools'] : [];
  const conversation = {
    messages,
    tools,
    thinking: thinking === undefined ? undefined : thinking === 'enabled',
  };
  const goesOn = endsWithAssistant(messages) && messages.at(-1)?.['partial'] === true;
  const prompt = goesOn
    ? continuedPrompt(engine, conversation)
    : newTurnPrompt(engine, conversation);
  await sendAnswer(engine, exchange, prompt, tools, { reasoningField: 'reasoning_content' });
}
