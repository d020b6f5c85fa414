/**
 * Mistral's hosted API. A message to be continued carries `prefix: true`; without it a trailing
 * assistant message is refused. The answer starts with the prefix again, in streams too. Thinking
 * is a part of the content, in a list: `{type: "thinking", thinking: [{type: "text", text}]}`.
 */
import type { ChatRequest, Dialect, Hosted } from './dialect.ts';
import type { EventReader } from './hearing.ts';
import { asArray, asObject, asString, type JsonObject } from './json.ts';
import { connectText, lists } from './text-level-connect.ts';
import { openaiApi, openaiReader } from './text-level-openai.ts';
import { openaiMessages } from './openai.ts';
import type { TextApi } from './text-level.ts';

const HOSTED: Hosted = { domains: ['mistral.ai'], keyVariable: 'MISTRAL_API_KEY' };

/** Not a field of the API: reasoning is moved from it into the content. */
const REASONING_FIELD = 'reasoning';

export const mistral: Dialect = {
  name: 'mistral',
  limits: [
    'tells no token ids, no log-probabilities and no prompts: texts are compared',
    'the answer to a marked message starts with that message, which counts as an echo',
    'whether a model thinks is the model’s own; the scenario’s wish is not sent',
  ],
  hosted: HOSTED,
  recognises: (ask) => lists(ask, '/v1/models', (model) => model['owned_by'] === 'mistralai'),
  connect: (options, signal) =>
    connectText(
      { dialect: 'mistral', oracle: 'prompt-count', hosted: HOSTED, api: mistralApi },
      options,
      signal,
    ),
};

function mistralApi(model: string): TextApi {
  const api = openaiApi({
    model,
    reasoningField: REASONING_FIELD,
    // Unknown fields are refused; usage comes with the last chunk unasked.
    more: (request) => ({ stream_options: undefined, messages: messagesOf(request) }),
  });
  return { ...api, reader: mistralReader };
}

function messagesOf(request: ChatRequest): JsonObject[] {
  const messages = openaiMessages(request, REASONING_FIELD).map(withThinkingInside);
  const last = messages.at(-1);
  const marked = request.prefill !== undefined && request.flags === true && last !== undefined;
  return marked ? [...messages.slice(0, -1), { ...last, prefix: true }] : messages;
}

function withThinkingInside(message: JsonObject): JsonObject {
  const { [REASONING_FIELD]: reasoning, ...rest } = message;
  if (typeof reasoning !== 'string') return rest;
  const text = asString(message['content']) ?? '';
  const thinking = {
    type: 'thinking',
    thinking: [{ type: 'text', text: reasoning }],
    closed: text !== '',
  };
  return { ...rest, content: text === '' ? [thinking] : [thinking, { type: 'text', text }] };
}

/** Chunks whose content is a list are taken apart; all others are as everywhere. */
function mistralReader(): EventReader {
  const read = openaiReader();
  return (event, name) => {
    const heard = read(event, name);
    const choice = asObject(asArray(event['choices'])[0]);
    const parts = asArray(asObject(choice?.['delta'])?.['content']).map(asObject);
    if (parts.length === 0) return { ...heard, finish: finishOf(heard.finish) };
    return {
      ...heard,
      finish: finishOf(heard.finish),
      reasoning: parts.flatMap((part) => asArray(part?.['thinking']).map(textOf)).join(''),
      content: parts.map((part) => (part?.['type'] === 'text' ? textOf(part) : '')).join(''),
    };
  };
}

function textOf(part: unknown): string {
  return asString(asObject(part)?.['text']) ?? '';
}

/** `model_length`: the context is full. */
function finishOf(reason: string | undefined): string | undefined {
  return reason === 'model_length' ? 'length' : reason;
}
