/**
 * Mistral's hosted API: a last message with `prefix: true` is continued, and the answer starts
 * with it again; without the marker a trailing assistant message is refused. Thinking is a part
 * of the content. Unknown fields are refused.
 */
import { asArray, asObject, asString, type JsonObject } from '../../dialects/json.ts';
import { ApiError } from '../api-error.ts';
import type { Engine } from '../engine.ts';
import { sendJson } from '../http.ts';
import type { Piece } from '../parse.ts';
import {
  continuedPrompt,
  endsWithAssistant,
  messagesOf,
  modelList,
  newTurnPrompt,
} from './hosted.ts';
import { sendAnswer } from './openai-answer.ts';
import type { Exchange, Persona } from './persona.ts';

/** The fields of a request that are known here. */
const FIELDS: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'tools',
  'tool_choice',
  'temperature',
  'top_p',
  'max_tokens',
  'stop',
  'stream',
  'random_seed',
  'response_format',
  'prompt_mode',
]);

export const mistral: Persona = {
  name: 'mistral',
  dialect: 'mistral',
  sources: [
    'docs.mistral.ai/guides/prefix: the prefix is cut off the answer there',
    'vercel/ai #3256 takes the repeated content out of streams',
    'the refusal: opencode #19115, langchain #28846, rig #708',
  ],
  lacks: ['keys, prices and limits'],
  routes: (engine) => ({
    'GET /v1/models': ({ response }) =>
      sendJson(response, 200, modelList(['magistral-medium-latest'], { owned_by: 'mistralai' })),
    'POST /v1/chat/completions': (exchange) => answer(engine, exchange),
  }),
  errorBody: ({ status, message, details }) =>
    status === 422
      ? { detail: [details] }
      : {
          object: 'error',
          message,
          type: 'invalid_request_message_order',
          param: null,
          code: '3230',
        },
};

async function answer(engine: Engine, exchange: Exchange): Promise<void> {
  const { body } = exchange;
  const unknown = Object.keys(body).find((name) => !FIELDS.has(name));
  if (unknown !== undefined)
    throw new ApiError(422, 'extra_forbidden', undefined, {
      type: 'extra_forbidden',
      loc: ['body', unknown],
      msg: 'Extra inputs are not permitted',
    });
  const messages = messagesOf(body).map(withThinkingOutside);
  const marked = messages.at(-1)?.['prefix'] === true;
  if (endsWithAssistant(messages) && !marked)
    throw new ApiError(
      400,
      'Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant',
    );
  const tools = Array.isArray(body['tools']) ? body['tools'] : [];
  const conversation = { messages, tools, thinking: undefined };
  const prompt = marked
    ? continuedPrompt(engine, conversation)
    : newTurnPrompt(engine, conversation);
  await sendAnswer(engine, exchange, prompt, tools, {
    reasoningField: 'reasoning_content',
    echo: true,
    usageWithFinish: true,
    delta: thinkingInside,
    content: contentWithThinking,
  });
}

/** `content: [{type: "thinking", …}, {type: "text", …}]` as two fields. */
function withThinkingOutside(message: JsonObject): JsonObject {
  const parts = asArray(message['content']).map(asObject);
  if (parts.length === 0) return message;
  const reasoning = parts.flatMap((part) => asArray(part?.['thinking']).map(textOf)).join('');
  const content = parts.map((part) => (part?.['type'] === 'text' ? textOf(part) : '')).join('');
  return { ...message, content, reasoning_content: reasoning };
}

function textOf(part: unknown): string {
  return asString(asObject(part)?.['text']) ?? '';
}

function thinkingInside(piece: Piece): object | undefined {
  if (piece.kind !== 'reasoning') return undefined;
  return { content: [thinkingPart(piece.text)] };
}

/** A content without thinking is a text, as everywhere. */
function contentWithThinking(reasoning: string, content: string): unknown {
  if (reasoning === '') return undefined;
  return [thinkingPart(reasoning), ...(content === '' ? [] : [{ type: 'text', text: content }])];
}

function thinkingPart(text: string): object {
  return { type: 'thinking', thinking: [{ type: 'text', text }] };
}
