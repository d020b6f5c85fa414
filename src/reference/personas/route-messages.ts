/**
 * `/v1/messages` made of a chat, as llama.cpp and vLLM make it: the request is read as a chat
 * request, and the chunks of the answer become Anthropic's events. Fields that the form does not
 * have are left out in silence, the continuation flags among them.
 */
import { asArray, asObject, asString, parseEvent, type JsonObject } from '../../dialects/json.ts';
import { randomId } from '../accounting.ts';
import { ApiError } from '../api-error.ts';
import { chatOf, formatIn, type Chatter } from './chatter.ts';
import type { Exchange } from './persona.ts';
import {
  answerByChat,
  type CallPart,
  type RouteEvents,
  type Send,
  type WholeChat,
} from './route-answer.ts';

/** The chat request that a messages request becomes. */
export function chatOfMessages(body: JsonObject, { reasoningField }: Chatter): JsonObject {
  if (!Array.isArray(body['messages'])) throw new ApiError(400, "'messages' is required");
  const system = asString(body['system']);
  return chatOf(body, {
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      ...asArray(body['messages']).flatMap((turn) => chatTurns(asObject(turn), reasoningField)),
    ],
    limit: body['max_tokens'],
    stop: body['stop_sequences'],
    tool: chatTool,
    format: formatIn(body, 'output_config'),
  });
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
  const body = chatOfMessages(exchange.body, chatter);
  await answerByChat(exchange, chatter, body, (prompt) => ({
    events: (send) => new MessageEvents(send, prompt),
    whole: (answer) => wholeMessage(answer, prompt),
  }));
}

/** Why an answer ended, in this API's words. */
const STOPS: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
};

/** The events of one answer: blocks one after the other, each opened and closed. */
class MessageEvents implements RouteEvents {
  readonly #send: Send;
  readonly #prompt: number;
  #open: string | undefined;
  #index = -1;

  constructor(send: Send, prompt: number) {
    this.#send = send;
    this.#prompt = prompt;
  }

  begin(): void {
    const usage = { input_tokens: this.#prompt, output_tokens: 0 };
    this.#send('message_start', {
      message: { ...headOf(), content: [], stop_reason: null, stop_sequence: null, usage },
    });
  }

  reasoning(text: string): void {
    this.#block('thinking', { thinking: '' }, { type: 'thinking_delta', thinking: text });
  }

  content(text: string): void {
    this.#block('text', { text: '' }, { type: 'text_delta', text });
  }

  call({ index, id, name, args }: CallPart): void {
    const delta = { type: 'input_json_delta', partial_json: args };
    const block = { id, name, input: {} };
    this.#block('tool_use', block, args === '' ? undefined : delta, `call ${index}`);
  }

  end(finish: string | undefined, made: number): void {
    this.#close();
    this.#send('message_delta', {
      delta: { stop_reason: STOPS[finish ?? ''] ?? null, stop_sequence: null },
      usage: { output_tokens: made },
    });
    this.#send('message_stop', {});
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
}

function headOf(): object {
  return { id: `chatcmpl-${randomId()}`, type: 'message', role: 'assistant' };
}

function wholeMessage(answer: WholeChat, prompt: number): object {
  const { reasoning, content, calls, finish, made } = answer;
  return {
    ...headOf(),
    content: [
      ...(reasoning === '' ? [] : [{ type: 'thinking', thinking: reasoning, signature: '' }]),
      ...(content === '' ? [] : [{ type: 'text', text: content }]),
      ...calls.map(({ id, name, args }) => ({
        type: 'tool_use',
        id,
        name,
        input: parseEvent(args) ?? {},
      })),
    ],
    stop_reason: STOPS[finish ?? ''] ?? null,
    stop_sequence: null,
    usage: { input_tokens: prompt, output_tokens: made },
  };
}
