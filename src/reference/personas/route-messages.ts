/**
 * `/v1/messages` made of a chat, as llama.cpp and vLLM make it: the request is read as a chat
 * request, and the chunks of the answer become Anthropic's events. Fields that the form does not
 * have are left out in silence, the continuation flags among them.
 */
import {
  asArray,
  asNumber,
  asObject,
  asString,
  parseEvent,
  type JsonObject,
} from '../../dialects/json.ts';
import { randomId } from '../accounting.ts';
import { ApiError } from '../api-error.ts';
import { EventStream, sendJson } from '../http.ts';
import type { Exchange } from './persona.ts';
import { RelayedResponse } from './relayed.ts';
import type { Chatter } from './route-chat.ts';

/** The chat request that a messages request becomes. */
export function chatOfMessages(body: JsonObject, { reasoningField }: Chatter): JsonObject {
  if (!Array.isArray(body['messages'])) throw new ApiError(400, "'messages' is required");
  const system = asString(body['system']);
  const format = asObject(asObject(body['output_config'])?.['format']);
  return {
    model: body['model'],
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      ...asArray(body['messages']).flatMap((turn) => chatTurns(asObject(turn), reasoningField)),
    ],
    max_tokens: body['max_tokens'],
    temperature: body['temperature'],
    stop: body['stop_sequences'],
    ...(Array.isArray(body['tools']) ? { tools: body['tools'].map(chatTool) } : {}),
    ...(format === undefined
      ? {}
      : { response_format: { type: 'json_schema', json_schema: { schema: format['schema'] } } }),
    chat_template_kwargs: body['chat_template_kwargs'],
    cache_salt: body['cache_salt'],
    stream: body['stream'] === true,
    stream_options: { include_usage: true },
  };
}

function chatTurns(turn: JsonObject | undefined, reasoningField: string): JsonObject[] {
  if (!Array.isArray(turn?.['content'])) return turn === undefined ? [] : [turn];
  const blocks = asArray(turn['content']).map((block) => asObject(block) ?? {});
  const of = (type: string): JsonObject[] => blocks.filter((block) => block['type'] === type);
  const results = of('tool_result').map((block) => ({
    role: 'tool',
    content: asString(block['content']) ?? '',
    tool_call_id: block['tool_use_id'],
  }));
  if (results.length > 0) return results;
  const thought = of('thinking').map((block) => asString(block['thinking']) ?? '');
  const calls = of('tool_use').map(({ id, name, input }) => ({
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(input ?? {}) },
  }));
  const text = of('text').map((block) => asString(block['text']) ?? '');
  return [
    {
      role: turn['role'],
      content: text.join(''),
      ...(thought.length === 0 ? {} : { [reasoningField]: thought.join('') }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
  ];
}

function chatTool(value: unknown): JsonObject {
  const { name, description, input_schema: parameters } = asObject(value) ?? {};
  return { type: 'function', function: { name, description, parameters } };
}

/** Answers a messages request by a chat. */
export async function answerMessages(exchange: Exchange, chatter: Chatter): Promise<void> {
  const { response, pace } = exchange;
  const body = chatOfMessages(exchange.body, chatter);
  const prompt = chatter.count(body);
  const streams = body['stream'] === true;
  const events = streams ? new MessageEvents(exchange, prompt) : undefined;
  const relay = new RelayedResponse(response, {
    chunk: (chunk) => events?.chunk(chunk),
    done: () => events?.done(),
    whole: (answer) => sendJson(response, 200, wholeMessage(answer, prompt)),
  });
  await chatter.chat({ ...exchange, body, response: relay, pace });
}

/** Why an answer ended, in this API's words. */
const STOPS: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
};

/** The events of one answer. The stream is opened with the first chunk, so that errors come as such. */
class MessageEvents {
  readonly #exchange: Exchange;
  readonly #prompt: number;
  #events: EventStream | undefined;
  #open: string | undefined;
  #index = -1;
  #stop: string | undefined;
  #made = 0;
  #sent: Promise<void> = Promise.resolve();

  constructor(exchange: Exchange, prompt: number) {
    this.#exchange = exchange;
    this.#prompt = prompt;
  }

  chunk(chunk: JsonObject): void {
    this.#begin();
    const usage = asObject(chunk['usage']);
    this.#made = asNumber(usage?.['completion_tokens']) ?? this.#made;
    const choice = asObject(asArray(chunk['choices'])[0]);
    const delta = asObject(choice?.['delta']) ?? {};
    this.#stop = asString(choice?.['finish_reason']) ?? this.#stop;
    const reasoning = asString(delta['reasoning_content']) ?? asString(delta['reasoning']) ?? '';
    const content = asString(delta['content']) ?? '';
    if (reasoning !== '')
      this.#block('thinking', { thinking: '' }, { type: 'thinking_delta', thinking: reasoning });
    if (content !== '') this.#block('text', { text: '' }, { type: 'text_delta', text: content });
    for (const call of asArray(delta['tool_calls'])) this.#call(asObject(call) ?? {});
  }

  done(): void {
    this.#begin();
    this.#close();
    const reason = STOPS[this.#stop ?? ''] ?? null;
    this.#send('message_delta', {
      delta: { stop_reason: reason, stop_sequence: null },
      usage: { output_tokens: this.#made },
    });
    this.#send('message_stop', {});
    void this.#sent.then(() => this.#events?.end());
  }

  #call(call: JsonObject): void {
    const called = asObject(call['function']) ?? {};
    const name = asString(called['name']);
    const args = asString(called['arguments']) ?? '';
    const kind = `call ${asNumber(call['index']) ?? 0}`;
    const delta = { type: 'input_json_delta', partial_json: args };
    const block = { id: call['id'], name, input: {} };
    this.#block('tool_use', block, args === '' ? undefined : delta, kind);
  }

  #block(type: string, block: object, delta: object | undefined, kind = type): void {
    if (this.#open !== kind) {
      this.#close();
      this.#open = kind;
      this.#index++;
      const content = { type, ...block };
      this.#send('content_block_start', { index: this.#index, content_block: content });
    }
    if (delta !== undefined) this.#send('content_block_delta', { index: this.#index, delta });
  }

  #close(): void {
    if (this.#open === undefined) return;
    this.#send('content_block_stop', { index: this.#index });
    this.#open = undefined;
  }

  #begin(): void {
    if (this.#events !== undefined) return;
    this.#events = new EventStream(this.#exchange.response);
    const usage = { input_tokens: this.#prompt, output_tokens: 0 };
    this.#send('message_start', {
      message: { ...headOf(), content: [], stop_reason: null, stop_sequence: null, usage },
    });
  }

  #send(type: string, more: object): void {
    const events = this.#events;
    this.#sent = this.#sent.then(() => events?.sendNamed(type, { type, ...more }));
  }
}

function headOf(): object {
  return { id: `chatcmpl-${randomId()}`, type: 'message', role: 'assistant' };
}

function wholeMessage(answer: JsonObject, prompt: number): object {
  const choice = asObject(asArray(answer['choices'])[0]) ?? {};
  const message = asObject(choice['message']) ?? {};
  const thinking = asString(message['reasoning_content']) ?? asString(message['reasoning']) ?? '';
  const text = asString(message['content']) ?? '';
  return {
    ...headOf(),
    content: [
      ...(thinking === '' ? [] : [{ type: 'thinking', thinking, signature: '' }]),
      ...(text === '' ? [] : [{ type: 'text', text }]),
      ...asArray(message['tool_calls']).map((value) => {
        const call = asObject(value);
        const called = asObject(call?.['function']);
        const input = parseEvent(asString(called?.['arguments']) ?? '') ?? {};
        return { type: 'tool_use', id: call?.['id'], name: called?.['name'], input };
      }),
    ],
    stop_reason: STOPS[asString(choice['finish_reason']) ?? ''] ?? null,
    stop_sequence: null,
    usage: {
      input_tokens: prompt,
      output_tokens: asNumber(asObject(answer['usage'])?.['completion_tokens']),
    },
  };
}
