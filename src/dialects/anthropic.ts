/**
 * Anthropic's Messages API. A trailing assistant message is continued unasked by models up to
 * Claude 4.5 and refused by later ones. It must not end in whitespace, and cannot be continued
 * while thinking is switched on. Facts from the API's reference and from reported error answers.
 */
import { parseJson } from '../parse-json.ts';
import type { Message } from '../scenario/schema.ts';
import type { ChatRequest, Dialect, Hosted, SamplingOptions } from './dialect.ts';
import type { EventReader, Heard } from './hearing.ts';
import { asNumber, asObject, asString, type JsonObject } from './json.ts';
import { connectText, lists } from './text-level-connect.ts';
import type { TextApi } from './text-level.ts';

const HOSTED: Hosted = {
  domains: ['anthropic.com', 'claude.com'],
  keyVariable: 'ANTHROPIC_API_KEY',
};
const VERSION = '2023-06-01';

/** The least that thinking can be given. */
const THINKING_TOKENS = 1024;

export const anthropic: Dialect = {
  name: 'anthropic',
  limits: [
    'tells no token ids, no log-probabilities and no prompts: texts are compared',
    'a thinking block can be sent back only with its signature, which is not kept: such resumes are refused',
    'an unfinished tool call cannot be sent: it goes out with empty arguments, and is refused',
    'with a schema of the content a prefill is refused; with thinking, toolChoice: required is',
    'with thinking the temperature cannot be set, so that answers differ from run to run',
  ],
  hosted: HOSTED,
  // Its list says what each entry is; others say it with `object`.
  recognises: (ask) => lists(ask, '/v1/models', (model) => model['type'] === 'model'),
  connect: (options, signal) =>
    connectText(
      {
        dialect: 'anthropic',
        oracle: 'prompt-count',
        flags: false,
        hosted: HOSTED,
        keyHeader: 'x-api-key',
        headers: { 'anthropic-version': VERSION },
        api: anthropicApi,
      },
      options,
      signal,
    ),
};

function anthropicApi(model: string): TextApi {
  return {
    path: () => '/v1/messages',
    body: (request, sampling) => bodyOf(model, request, sampling),
    reader: anthropicReader,
    tokensAtMost: limitOf,
  };
}

/** Thinking counts against the limit, and the limit must be higher than what thinking is given. */
function limitOf({ thinking }: ChatRequest, { maxTokens }: SamplingOptions): number {
  return thinking === true ? Math.max(maxTokens, THINKING_TOKENS + 1) : maxTokens;
}

function bodyOf(model: string, request: ChatRequest, sampling: SamplingOptions): JsonObject {
  const { thinking } = request;
  return {
    model,
    max_tokens: limitOf(request, sampling),
    ...conversationOf(request),
    ...(thinking === true
      ? { thinking: { type: 'enabled', budget_tokens: THINKING_TOKENS } }
      : { temperature: 0 }),
    ...(sampling.stop === undefined ? {} : { stop_sequences: sampling.stop }),
    stream: true,
  };
}

/** The conversation, its tools, and what constrains the answer, as every `/v1/messages` takes them. */
export function conversationOf(request: ChatRequest): JsonObject {
  const { messages, tools, prefill } = request;
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => content);
  const turns = messages.filter(({ role }) => role !== 'system').map(turnOf);
  if (prefill !== undefined)
    turns.push({ ...turnOf({ role: 'assistant', ...prefill }), ...prefill.wire });
  return {
    ...(system.length === 0 ? {} : { system: system.join('\n\n') }),
    messages: turns,
    ...(tools.length === 0
      ? {}
      : {
          tools: tools.map(({ name, description, parameters }) => ({
            name,
            description,
            input_schema: parameters,
          })),
        }),
    ...constraintsOf(request),
  };
}

/** What constrains the answer; `any` is some tool, whichever. */
function constraintsOf({ toolChoice, responseFormat }: ChatRequest): JsonObject {
  return {
    ...(toolChoice === undefined
      ? {}
      : { tool_choice: { type: toolChoice === 'required' ? 'any' : toolChoice } }),
    ...(responseFormat === undefined
      ? {}
      : { output_config: { format: { type: 'json_schema', schema: responseFormat.schema } } }),
  };
}

type Turn = Pick<Message, 'role' | 'content'> & Partial<Message>;

/** A message as this API has it. */
function turnOf({ role, content, reasoning, toolCalls = [], toolCallId }: Turn): JsonObject {
  if (role === 'tool')
    return {
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: toolCallId ?? 'call_0', content }],
    };
  if (reasoning === undefined && toolCalls.length === 0) return { role, content };
  const blocks: JsonObject[] = [];
  // Only an answer's own signature would do here, and a view holds texts alone.
  if (reasoning !== undefined)
    blocks.push({ type: 'thinking', thinking: reasoning, signature: '' });
  if (content !== '') blocks.push({ type: 'text', text: content });
  for (const [i, call] of toolCalls.entries())
    blocks.push({
      type: 'tool_use',
      id: call.id ?? `call_${i}`,
      name: call.name,
      input: inputOf(call.arguments),
    });
  return { role, content: blocks };
}

function inputOf(text: string): JsonObject {
  try {
    return asObject(parseJson(text)) ?? {};
  } catch {
    return {};
  }
}

/** Finish reasons in the words of the OpenAI API. */
const FINISH: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
};

/** Reads the events of one stream. Blocks are counted over all kinds, calls from 0. */
export function anthropicReader(): EventReader {
  const calls = new Map<number, number>();
  return (event) => {
    const block = asNumber(event['index']) ?? 0;
    if (asString(asObject(event['content_block'])?.['type']) === 'tool_use')
      calls.set(block, calls.size);
    return read(event, calls.get(block) ?? 0);
  };
}

function read(event: JsonObject, call: number): Heard {
  switch (event['type']) {
    case 'message_start':
      return readUsage(asObject(asObject(event['message'])?.['usage']));
    case 'content_block_start':
      return readStart(event, call);
    case 'content_block_delta':
      return readDelta(event, call);
    case 'message_delta': {
      const reason = asString(asObject(event['delta'])?.['stop_reason']);
      return {
        finish: reason === undefined ? undefined : (FINISH[reason] ?? reason),
        ...readUsage(asObject(event['usage'])),
      };
    }
    case 'message_stop':
      return { over: true };
    case 'error':
      return { error: asString(asObject(event['error'])?.['message']) ?? 'an error event' };
    default:
      // `ping`, `content_block_stop`, and events that may come to be: the API asks to ignore them.
      return {};
  }
}

/** What was read from a cache, and written to one, is counted apart. */
function readUsage(usage: JsonObject | undefined): Heard {
  const input = asNumber(usage?.['input_tokens']);
  const cached = asNumber(usage?.['cache_read_input_tokens']);
  const written = asNumber(usage?.['cache_creation_input_tokens']) ?? 0;
  return {
    promptTokens: input === undefined ? undefined : input + (cached ?? 0) + written,
    cachedTokens: cached,
    generatedTokens: asNumber(usage?.['output_tokens']),
  };
}

function readStart(event: JsonObject, call: number): Heard {
  const block = asObject(event['content_block']);
  if (block?.['type'] === 'text') return { content: asString(block['text']) };
  if (block?.['type'] === 'thinking') return { reasoning: asString(block['thinking']) };
  if (block?.['type'] !== 'tool_use') return {};
  const id = asString(block['id']);
  return {
    toolCalls: [
      {
        index: call,
        ...(id === undefined ? {} : { id }),
        name: asString(block['name']) ?? '',
      },
    ],
  };
}

function readDelta(event: JsonObject, call: number): Heard {
  const delta = asObject(event['delta']);
  switch (delta?.['type']) {
    case 'text_delta':
      return { content: asString(delta['text']) };
    case 'thinking_delta':
      return { reasoning: asString(delta['thinking']) };
    case 'input_json_delta':
      return {
        toolCalls: [{ index: call, arguments: asString(delta['partial_json']) ?? '' }],
      };
    default:
      return {};
  }
}
