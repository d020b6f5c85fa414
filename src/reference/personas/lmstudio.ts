/**
 * LM Studio's local server, as one report has it: a trailing assistant message is continued
 * unasked, and the stream starts with it again.
 */
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

const MODEL = 'thinker';

export const lmstudio: Persona = {
  name: 'lmstudio',
  dialect: 'lmstudio',
  sources: ['lmstudio.ai/docs/app/api/endpoints/rest', 'a report of a doubled prefix'],
  lacks: [
    'its own template engine: what it renders is taken to be right',
    'models that are loaded and unloaded',
  ],
  routes: (engine) => ({
    'GET /v1/models': ({ response }) =>
      sendJson(response, 200, modelList([MODEL], { owned_by: 'organization_owner' })),
    'GET /api/v0/models': ({ response }) =>
      sendJson(
        response,
        200,
        modelList([MODEL], { type: 'llm', compatibility_type: 'gguf', state: 'loaded' }),
      ),
    'POST /v1/chat/completions': (exchange) => answer(engine, exchange),
  }),
  errorBody: ({ message }) => ({ error: message }),
};

async function answer(engine: Engine, exchange: Exchange): Promise<void> {
  const messages = messagesOf(exchange.body);
  const tools = Array.isArray(exchange.body['tools']) ? exchange.body['tools'] : [];
  const conversation = { messages, tools, thinking: undefined };
  const prompt = endsWithAssistant(messages)
    ? continuedPrompt(engine, conversation)
    : newTurnPrompt(engine, conversation);
  await sendAnswer(engine, exchange, prompt, tools, {
    reasoningField: 'reasoning_content',
    echo: true,
  });
}
