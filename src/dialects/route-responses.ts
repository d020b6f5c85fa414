/**
 * `/v1/responses`, OpenAI's form, as llama.cpp and vLLM have it beside their chat: the conversation
 * is a list of items, and each part of an answer (thinking, text, tool call) is an item with a
 * status. With the flags the last item says that it is `in_progress`, as it did when it was
 * streamed; without them that it is `completed`. vLLM goes by the status; llama.cpp goes on with the
 * answer whatever it says.
 */
import type { Message } from '../scenario/schema.ts';
import type { ChatRequest, Prefill } from './dialect.ts';
import type { EventReader, Heard } from './hearing.ts';
import { asNumber, asObject, asString, type JsonObject } from './json.ts';
import type { RouteApi } from './route-api.ts';
import { thinkingArgument } from './template-body.ts';

export const responsesRoute: RouteApi = {
  path: '/v1/responses',
  body: (request, { maxTokens, stop }) => ({
    ...responsesBody(request),
    max_output_tokens: maxTokens,
    ...(stop === undefined ? {} : { stop }),
    store: false,
    stream: true,
  }),
  reader: responsesReader,
};

function responsesBody(request: ChatRequest): JsonObject {
  const { messages, tools, toolChoice, responseFormat, prefill, flags } = request;
  const input = messages.flatMap((message, i) => itemsOf(message, String(i)));
  if (prefill !== undefined) input.push(...heldItems(prefill, flags === true));
  return {
    input,
    ...(tools.length === 0 ? {} : { tools: tools.map((tool) => ({ type: 'function', ...tool })) }),
    ...(toolChoice === undefined ? {} : { tool_choice: toolChoice }),
    ...(responseFormat === undefined
      ? {}
      : { text: { format: { type: 'json_schema', ...responseFormat, strict: true } } }),
    ...thinkingArgument(request),
  };
}

/** A past message; results of tools and parts of answers are items of their own kinds. */
function itemsOf(message: Message, id: string): JsonObject[] {
  const { role, content, toolCallId } = message;
  if (role === 'tool')
    return [{ type: 'function_call_output', call_id: toolCallId ?? 'call_0', output: content }];
  return role === 'assistant' ? answerItems(message, id) : [{ role, content }];
}

/** What is held of the answer. A message that says nothing is an item without text. */
function heldItems(prefill: Prefill, open: boolean): JsonObject[] {
  const items = answerItems(prefill, 'held');
  const all = items.length > 0 ? items : [textItem('', 'held')];
  const last = all.at(-1);
  return last === undefined
    ? all
    : [
        ...all.slice(0, -1),
        { ...last, ...(open ? { status: 'in_progress' } : {}), ...prefill.wire },
      ];
}

function answerItems(
  { reasoning, content, toolCalls = [] }: Pick<Message, 'reasoning' | 'content' | 'toolCalls'>,
  id: string,
): JsonObject[] {
  return [
    ...(reasoning === undefined ? [] : [thoughtItem(reasoning, id)]),
    ...(content === '' ? [] : [textItem(content, id)]),
    ...toolCalls.map((call, i) => ({
      type: 'function_call',
      id: `fc_${id}_${i}`,
      call_id: call.id ?? `call_${i}`,
      name: call.name,
      arguments: call.arguments,
      status: 'completed',
    })),
  ];
}

function thoughtItem(text: string, id: string): JsonObject {
  return {
    type: 'reasoning',
    id: `rs_${id}`,
    summary: [],
    content: [{ type: 'reasoning_text', text }],
    status: 'completed',
  };
}

function textItem(text: string, id: string): JsonObject {
  return {
    type: 'message',
    id: `msg_${id}`,
    role: 'assistant',
    content: [{ type: 'output_text', text, annotations: [] }],
    status: 'completed',
  };
}

/** Reads the events of one stream. Tool calls are counted in the order in which they begin. */
function responsesReader(): EventReader {
  const calls = new Map<string, number>();
  return (event) => {
    const item = asObject(event['item']);
    if (event['type'] === 'response.output_item.added' && item?.['type'] === 'function_call')
      return begun(item, event, calls);
    return read(event, calls);
  };
}

/** Servers name the item of an event by its place or by its id. */
function keyOf(event: JsonObject, item?: JsonObject): string {
  const at = asNumber(event['output_index']);
  return at === undefined ? (asString(event['item_id']) ?? asString(item?.['id']) ?? '') : `#${at}`;
}

function begun(item: JsonObject, event: JsonObject, calls: Map<string, number>): Heard {
  const index = calls.size;
  calls.set(keyOf(event, item), index);
  const id = asString(item['call_id']);
  const args = asString(item['arguments']) ?? '';
  return {
    toolCalls: [
      {
        index,
        ...(id === undefined ? {} : { id }),
        name: asString(item['name']) ?? '',
        ...(args === '' ? {} : { arguments: args }),
      },
    ],
  };
}

function read(event: JsonObject, calls: ReadonlyMap<string, number>): Heard {
  const delta = asString(event['delta']);
  switch (event['type']) {
    case 'response.output_text.delta':
      return { content: delta };
    case 'response.reasoning_text.delta':
    case 'response.reasoning_summary_text.delta':
      return { reasoning: delta };
    case 'response.function_call_arguments.delta':
      return {
        toolCalls: [
          { index: calls.get(keyOf(event)) ?? Math.max(0, calls.size - 1), arguments: delta ?? '' },
        ],
      };
    case 'response.completed':
    case 'response.incomplete':
      return { ...endOf(asObject(event['response']) ?? {}, calls.size > 0), over: true };
    case 'response.failed':
    case 'error':
      return { error: errorOf(event) };
    default:
      return {};
  }
}

function endOf(response: JsonObject, called: boolean): Heard {
  const usage = asObject(response['usage']);
  const details = asObject(usage?.['input_tokens_details']);
  const reason = asString(asObject(response['incomplete_details'])?.['reason']);
  return {
    finish: reason === undefined ? (called ? 'tool_calls' : 'stop') : (LIMITS[reason] ?? reason),
    promptTokens: asNumber(usage?.['input_tokens']),
    cachedTokens: asNumber(details?.['cached_tokens']),
    generatedTokens: asNumber(usage?.['output_tokens']),
  };
}

/** Why a response is incomplete, in the words of the chat API. */
const LIMITS: Readonly<Record<string, string>> = { max_output_tokens: 'length' };

function errorOf(event: JsonObject): string {
  const inner = asObject(asObject(event['response'])?.['error']) ?? asObject(event['error']);
  return asString(inner?.['message']) ?? asString(event['message']) ?? 'the response failed';
}
