/**
 * `/v1/responses` made of a chat, as llama.cpp and vLLM make it: items that belong to one answer are
 * put together to one message, and the chunks of the answer become OpenAI's events.
 */
import { asArray, asObject, asString, type JsonObject } from '../../dialects/json.ts';
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

/** The chat request that a responses request becomes. */
export function chatOfResponses(body: JsonObject, chatter: Chatter): JsonObject {
  const { input } = body;
  if (typeof input !== 'string' && !Array.isArray(input))
    throw new ApiError(400, "'input' is required");
  const items =
    typeof input === 'string'
      ? [{ role: 'user', content: input }]
      : asArray(input).map((item) => asObject(item) ?? {});
  const last = items.at(-1);
  const open =
    chatter.readsStatus &&
    ['message', 'reasoning'].includes(asString(last?.['type']) ?? 'message') &&
    ['in_progress', 'incomplete'].includes(asString(last?.['status']) ?? '');
  return {
    ...chatOf(body, {
      messages: messagesOf(items, chatter.reasoningField),
      limit: body['max_output_tokens'],
      stop: body['stop'],
      tool: chatTool,
      format: formatIn(body, 'text'),
    }),
    cache_prompt: body['cache_prompt'],
    ...(open ? { continue_final_message: true, add_generation_prompt: false } : {}),
  };
}

function chatTool(value: unknown): JsonObject {
  const { type, ...called } = asObject(value) ?? {};
  return { type, function: called };
}

/** Items of the assistant in a row are one message. */
function messagesOf(items: readonly JsonObject[], reasoningField: string): JsonObject[] {
  const messages: Record<string, unknown>[] = [];
  const answer = (): Record<string, unknown> => {
    const last = messages.at(-1);
    if (last?.['role'] === 'assistant') return last;
    const begun = { role: 'assistant', content: [] };
    messages.push(begun);
    return begun;
  };
  for (const item of items) {
    if (item['type'] === 'reasoning') answer()[reasoningField] = textsOf(item).join('');
    else if (item['type'] === 'function_call') {
      const message = answer();
      const called = { name: item['name'], arguments: item['arguments'] };
      const call = { id: item['call_id'], type: 'function', function: called };
      message['tool_calls'] = [...asArray(message['tool_calls']), call];
    } else if (item['type'] === 'function_call_output')
      messages.push({ role: 'tool', content: item['output'], tool_call_id: item['call_id'] });
    else if (item['role'] === 'assistant') {
      const message = answer();
      const parts = textsOf(item).map((text) => ({ type: 'text', text }));
      message['content'] = [...asArray(message['content']), ...parts];
    } else messages.push({ role: item['role'], content: textsOf(item).join('') });
  }
  return messages;
}

function textsOf({ content }: JsonObject): string[] {
  if (typeof content === 'string') return [content];
  return asArray(content).map((part) => asString(asObject(part)?.['text']) ?? '');
}

/** Answers a responses request by a chat. */
export async function answerResponses(exchange: Exchange, chatter: Chatter): Promise<void> {
  const body = chatOfResponses(exchange.body, chatter);
  const { tellsLimit } = chatter;
  await answerByChat(exchange, chatter, body, (prompt) => ({
    events: (send) => new ResponseEvents(send, prompt, tellsLimit),
    whole: (answer) => wholeResponse(answer, prompt, tellsLimit),
  }));
}

/** The events of one answer: items one after the other. */
class ResponseEvents implements RouteEvents {
  readonly #send: Send;
  readonly #prompt: number;
  readonly #tellsLimit: boolean;
  readonly #id = `resp_${randomId()}`;
  #item: { readonly kind: string; readonly id: string } | undefined;

  constructor(send: Send, prompt: number, tellsLimit: boolean) {
    this.#send = send;
    this.#prompt = prompt;
    this.#tellsLimit = tellsLimit;
  }

  begin(): void {
    this.#send('response.created', {
      response: { id: this.#id, object: 'response', status: 'in_progress' },
    });
  }

  reasoning(text: string): void {
    this.#delta('reasoning', { summary: [], content: [] }, 'reasoning_text', text);
  }

  content(text: string): void {
    this.#delta('message', { role: 'assistant', content: [] }, 'output_text', text);
  }

  call({ index, id, name, args }: CallPart): void {
    const item = { call_id: id, name, arguments: '' };
    this.#delta(`function_call ${index}`, item, 'function_call_arguments', args);
  }

  end(finish: string | undefined, made: number): void {
    this.#send('response.completed', {
      response: {
        id: this.#id,
        object: 'response',
        ...statusOf(finish, this.#tellsLimit),
        usage: usageOf(this.#prompt, made),
      },
    });
  }

  #delta(kind: string, item: object, part: string, text: string): void {
    if (this.#item?.kind !== kind) {
      this.#item = { kind, id: `item_${randomId()}` };
      const [type] = kind.split(' ');
      this.#send('response.output_item.added', {
        item: { type, id: this.#item.id, status: 'in_progress', ...item },
      });
    }
    if (text !== '') this.#send(`response.${part}.delta`, { item_id: this.#item.id, delta: text });
  }
}

function statusOf(finish: string | undefined, tellsLimit: boolean): object {
  return finish === 'length' && tellsLimit
    ? { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }
    : { status: 'completed' };
}

function usageOf(prompt: number, made: number): object {
  return { input_tokens: prompt, output_tokens: made, total_tokens: prompt + made };
}

function wholeResponse(answer: WholeChat, prompt: number, tellsLimit: boolean): object {
  const { reasoning, content, calls, finish, made } = answer;
  const status = 'completed';
  const thought = [{ type: 'reasoning_text', text: reasoning }];
  const said = [{ type: 'output_text', text: content, annotations: [] }];
  return {
    id: `resp_${randomId()}`,
    object: 'response',
    output: [
      ...(reasoning === '' ? [] : [{ type: 'reasoning', summary: [], content: thought, status }]),
      ...(content === '' ? [] : [{ type: 'message', role: 'assistant', content: said, status }]),
      ...calls.map(({ id, name, args }) => ({
        type: 'function_call',
        call_id: id,
        name,
        arguments: args,
        status,
      })),
    ],
    ...statusOf(finish, tellsLimit),
    usage: usageOf(prompt, made),
  };
}
