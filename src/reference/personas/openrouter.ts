/**
 * OpenRouter in front of two providers, told apart by the model's name: one whose models refuse a
 * trailing assistant message (Claude from 4.6 on), and one that continues it. Streams are kept
 * alive by comments.
 */
import { asObject, asString } from '../../dialects/json.ts';
import { ApiError } from '../api-error.ts';
import type { Engine } from '../engine.ts';
import { sendJson } from '../http.ts';
import { continuedPrompt, endsWithAssistant, messagesOf, newTurnPrompt } from './hosted.ts';
import { sendAnswer } from './openai-answer.ts';
import type { Exchange, Persona } from './persona.ts';

/** What Anthropic says to a prefill, from 4.6 on. */
const WORDS =
  'This model does not support assistant message prefill. The conversation must end with a user message.';

const REFUSING = /^anthropic\/claude-(?:opus|sonnet)-(?:4\.[6-9]|[5-9])/;

export const openrouter: Persona = {
  name: 'openrouter',
  dialect: 'openrouter',
  sources: [
    'openrouter.ai/docs/api-reference/streaming: comments, errors inside a stream',
    'openrouter.ai/docs/api/reference/errors-and-debugging: the provider’s words under metadata.raw',
    'SpeakMCP #1037: Claude’s refusal comes through',
  ],
  lacks: ['keys, prices and limits', 'choosing a provider'],
  routes: (engine) => ({
    'GET /v1/models': ({ response }) =>
      sendJson(response, 200, {
        data: ['qwen/qwen3-32b', 'anthropic/claude-opus-4.6'].map((id) => ({
          id,
          canonical_slug: id,
          name: id,
        })),
      }),
    'POST /v1/chat/completions': (exchange) => answer(engine, exchange),
  }),
  errorBody: ({ status, message, details }) => ({
    error: {
      code: status,
      message,
      ...(Object.keys(details).length > 0 ? { metadata: details } : {}),
    },
  }),
};

async function answer(engine: Engine, exchange: Exchange): Promise<void> {
  const { body } = exchange;
  const messages = messagesOf(body).map((message) => ({
    ...message,
    ...(message['reasoning'] === undefined ? {} : { reasoning_content: message['reasoning'] }),
  }));
  const tools = Array.isArray(body['tools']) ? body['tools'] : [];
  const enabled = asObject(body['reasoning'])?.['enabled'];
  const thinking = typeof enabled === 'boolean' ? enabled : undefined;
  const resumes = endsWithAssistant(messages);
  if (resumes && REFUSING.test(asString(body['model']) ?? ''))
    throw new ApiError(400, 'Provider returned error', undefined, {
      raw: JSON.stringify({
        type: 'error',
        error: { type: 'invalid_request_error', message: WORDS },
      }),
      provider_name: 'Anthropic',
    });
  const conversation = { messages, tools, thinking };
  const prompt = resumes
    ? continuedPrompt(engine, conversation)
    : newTurnPrompt(engine, conversation);
  await sendAnswer(engine, exchange, prompt, tools, {
    reasoningField: 'reasoning',
    comment: 'OPENROUTER PROCESSING',
    head: { provider: 'Reference' },
  });
}
