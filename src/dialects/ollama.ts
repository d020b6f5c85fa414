/**
 * Ollama, by its native API (`/api/chat`, one JSON object a line) and by its OpenAI-compatible
 * one. A trailing assistant message is continued unasked; whether its turn is left open depends
 * on the model's renderer or template, and `_debug_render_only` shows it. Facts from server/routes.go,
 * openai/openai.go and api/types.go.
 */
import { parseJson } from '../parse-json.ts';
import { possibleConstraints, requirePossible } from './constraints.ts';
import type { ChatRequest, Dialect, SamplingOptions } from './dialect.ts';
import type { EventReader, Heard } from './hearing.ts';
import { asArray, asNumber, asObject, asString, type JsonObject } from './json.ts';
import type { Message } from '../scenario/schema.ts';
import type { ToolCallDelta } from '../seam/generation.ts';
import { connectText } from './text-level-connect.ts';
import { openaiApi, readToldToken } from './text-level-openai.ts';
import { openaiTools } from './openai.ts';
import type { TextApi } from './text-level.ts';

export const ollama: Dialect = {
  name: 'ollama',
  limits: [
    'tells no token ids: texts are compared',
    'a tool call arrives whole, as an object: a cut inside one cannot be made or sent',
    'there is no way to ask for a cold prompt',
    'there is no tool_choice: scenarios that need one are not tested',
  ],
  async recognises(ask) {
    const tags = asObject(await ask({ method: 'GET', path: '/api/tags' }));
    return Array.isArray(tags?.['models']);
  },
  connect: (options, signal) =>
    connectText(
      { dialect: 'ollama', oracle: 'prompt-count', flags: false, api: nativeApi },
      options,
      signal,
    ),
};

export const ollamaOpenai: Dialect = {
  name: 'ollama-openai',
  limits: [
    'tells no token ids and no prompts: texts are compared',
    'thinking is sent back as `reasoning`; `reasoning_content` is not read',
    'tool_choice is not read: scenarios that need one are not tested',
  ],
  // The same server, and its native API tells more.
  recognises: () => Promise.resolve(false),
  connect: (options, signal) =>
    connectText(
      {
        dialect: 'ollama-openai',
        engine: 'ollama',
        oracle: 'prompt-count',
        flags: false,
        api: (model) =>
          openaiApi({
            model,
            reasoningField: 'reasoning',
            logprobs: true,
            constraints: possibleConstraints('ollama-openai', { toolChoice: true }),
            more: ({ thinking }) =>
              thinking === undefined ? {} : { reasoning_effort: thinking ? 'high' : 'none' },
          }),
      },
      options,
      signal,
    ),
};

function nativeApi(model: string): TextApi {
  return {
    path: () => '/api/chat',
    framing: 'ndjson',
    // An older version does not know the option: it generates one token, and shows nothing.
    prompts: {
      path: '/api/chat',
      body: (request) => ({
        ...nativeBody(model, request, { maxTokens: 1, top: 0, cache: 'warm' }),
        stream: false,
        _debug_render_only: true,
      }),
      read: (answer) => asString(asObject(answer['_debug_info'])?.['rendered_template']),
    },
    raw: {
      path: '/api/generate',
      body: (prompt, sampling) => ({ model, prompt, raw: true, ...samplingBody(sampling) }),
      reader: () => rawReader,
    },
    body: (request, sampling) => nativeBody(model, request, sampling),
    reader: () => nativeReader(),
  };
}

function nativeBody(model: string, request: ChatRequest, sampling: SamplingOptions): JsonObject {
  const { prefill, responseFormat } = request;
  requirePossible('ollama', request, { toolChoice: true });
  return {
    model,
    messages: [
      ...request.messages.map(nativeMessage),
      ...(prefill === undefined
        ? []
        : [{ ...nativeMessage({ role: 'assistant', ...prefill }), ...prefill.wire }]),
    ],
    ...(request.tools.length === 0 ? {} : { tools: openaiTools(request.tools) }),
    ...(request.thinking === undefined ? {} : { think: request.thinking }),
    ...(responseFormat === undefined ? {} : { format: responseFormat.schema }),
    ...samplingBody(sampling),
  };
}

function samplingBody({ maxTokens, top, stop }: SamplingOptions): JsonObject {
  return {
    stream: true,
    logprobs: true,
    top_logprobs: Math.max(1, top),
    options: {
      temperature: 0,
      num_predict: maxTokens,
      ...(stop === undefined ? {} : { stop }),
    },
  };
}

function nativeMessage(message: Pick<Message, 'role' | 'content'> & Partial<Message>): JsonObject {
  return {
    role: message.role,
    content: message.content,
    ...(message.reasoning === undefined ? {} : { thinking: message.reasoning }),
    ...(message.toolCalls === undefined
      ? {}
      : {
          tool_calls: message.toolCalls.map(({ name, arguments: text }) => ({
            function: { name, arguments: asObject(parsed(text)) ?? {} },
          })),
        }),
    ...(message.toolCallId === undefined ? {} : { tool_call_id: message.toolCallId }),
  };
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function nativeReader(): EventReader {
  let calls = 0;
  return (event) => {
    const message = asObject(event['message']);
    const toolCalls = asArray(message?.['tool_calls']).flatMap((call) => readCall(call, calls++));
    const end = readEnd(event);
    return {
      reasoning: asString(message?.['thinking']),
      content: asString(message?.['content']),
      ...(toolCalls.length === 0 ? {} : { toolCalls }),
      tokens: asArray(event['logprobs']).flatMap(readToldToken),
      ...end,
      finish: end.finish === 'stop' && calls > 0 ? 'tool_calls' : end.finish,
    };
  };
}

/** Reads what a raw prompt is gone on with: no parser looks at it. */
function rawReader(event: JsonObject): Heard {
  return {
    content: asString(event['response']),
    tokens: asArray(event['logprobs']).flatMap(readToldToken),
    ...readEnd(event),
  };
}

function readEnd(event: JsonObject): Heard {
  return {
    finish: asString(event['done_reason']),
    promptTokens: asNumber(event['prompt_eval_count']),
    generatedTokens: asNumber(event['eval_count']),
    over: event['done'] === true,
  };
}

function readCall(value: unknown, index: number): ToolCallDelta[] {
  const fn = asObject(asObject(value)?.['function']);
  const name = asString(fn?.['name']);
  if (name === undefined) return [];
  const id = asString(asObject(value)?.['id']);
  return [
    {
      index,
      ...(id === undefined ? {} : { id }),
      name,
      arguments: JSON.stringify(fn?.['arguments'] ?? {}),
    },
  ];
}
