/**
 * `/v1/responses` made of a chat, as llama.cpp and vLLM make it: items that belong to one answer are
 * put together to one message, and the chunks of the answer become OpenAI's events.
 */
import { asArray, asNumber, asObject, asString, type JsonObject } from '../../dialects/json.ts';
import { randomId } from '../accounting.ts';
import { ApiError } from '../api-error.ts';
import { EventStream, sendJson } from '../http.ts';
import type { Exchange } from './persona.ts';
import { RelayedResponse } from './relayed.ts';
import type { Chatter } from './route-chat.ts';

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
  const format = asObject(asObject(body['text'])?.['format']);
  return {
    model: body['model'],
    messages: messagesOf(items, chatter.reasoningField),
    max_tokens: body['max_output_tokens'],
    temperature: body['temperature'],
    stop: body['stop'],
    ...(Array.isArray(body['tools']) ? { tools: body['tools'].map(chatTool) } : {}),
    ...(format === undefined
      ? {}
      : { response_format: { type: 'json_schema', json_schema: { schema: format['schema'] } } }),
    chat_template_kwargs: body['chat_template_kwargs'],
    cache_salt: body['cache_salt'],
    cache_prompt: body['cache_prompt'],
    stream: body['stream'] === true,
    stream_options: { include_usage: true },
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
  const { response } = exchange;
  const body = chatOfResponses(exchange.body, chatter);
  const prompt = chatter.count(body);
  const events =
    body['stream'] === true ? new ResponseEvents(exchange, prompt, chatter) : undefined;
  const relay = new RelayedResponse(response, {
    chunk: (chunk) => events?.chunk(chunk),
    done: () => events?.done(),
    whole: (answer) => sendJson(response, 200, wholeResponse(answer, prompt, chatter)),
  });
  await chatter.chat({ ...exchange, body, response: relay });
}

interface Item {
  readonly kind: string;
  readonly id: string;
}

/** The events of one answer. The stream is opened with the first chunk, so that errors come as such. */
class ResponseEvents {
  readonly #exchange: Exchange;
  readonly #prompt: number;
  readonly #tellsLimit: boolean;
  readonly #id = `resp_${randomId()}`;
  #events: EventStream | undefined;
  #item: Item | undefined;
  #finish: string | undefined;
  #made = 0;
  #sent: Promise<void> = Promise.resolve();

  constructor(exchange: Exchange, prompt: number, { tellsLimit }: Chatter) {
    this.#exchange = exchange;
    this.#prompt = prompt;
    this.#tellsLimit = tellsLimit;
  }

  chunk(chunk: JsonObject): void {
    this.#begin();
    this.#made = asNumber(asObject(chunk['usage'])?.['completion_tokens']) ?? this.#made;
    const choice = asObject(asArray(chunk['choices'])[0]);
    const delta = asObject(choice?.['delta']) ?? {};
    this.#finish = asString(choice?.['finish_reason']) ?? this.#finish;
    const reasoning = asString(delta['reasoning_content']) ?? asString(delta['reasoning']) ?? '';
    const content = asString(delta['content']) ?? '';
    if (reasoning !== '')
      this.#delta('reasoning', { summary: [], content: [] }, 'reasoning_text', reasoning);
    if (content !== '')
      this.#delta('message', { role: 'assistant', content: [] }, 'output_text', content);
    for (const call of asArray(delta['tool_calls'])) this.#call(asObject(call) ?? {});
  }

  done(): void {
    this.#begin();
    this.#send('response.completed', {
      response: {
        id: this.#id,
        object: 'response',
        ...statusOf(this.#finish, this.#tellsLimit),
        usage: usageOf(this.#prompt, this.#made),
      },
    });
    void this.#sent.then(() => this.#events?.end());
  }

  #call(call: JsonObject): void {
    const called = asObject(call['function']) ?? {};
    const kind = `function_call ${asNumber(call['index']) ?? 0}`;
    const item = { call_id: call['id'], name: called['name'], arguments: '' };
    const args = asString(called['arguments']) ?? '';
    this.#delta(kind, item, 'function_call_arguments', args);
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

  #begin(): void {
    if (this.#events !== undefined) return;
    this.#events = new EventStream(this.#exchange.response);
    this.#send('response.created', {
      response: { id: this.#id, object: 'response', status: 'in_progress' },
    });
  }

  #send(type: string, more: object): void {
    const events = this.#events;
    this.#sent = this.#sent.then(() => events?.sendNamed(type, { type, ...more }));
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

function wholeResponse(answer: JsonObject, prompt: number, { tellsLimit }: Chatter): object {
  const choice = asObject(asArray(answer['choices'])[0]) ?? {};
  const message = asObject(choice['message']) ?? {};
  const thought = asString(message['reasoning_content']) ?? asString(message['reasoning']) ?? '';
  const text = asString(message['content']) ?? '';
  const status = 'completed';
  return {
    id: `resp_${randomId()}`,
    object: 'response',
    output: [
      ...(thought === ''
        ? []
        : [
            {
              type: 'reasoning',
              summary: [],
              content: [{ type: 'reasoning_text', text: thought }],
              status,
            },
          ]),
      ...(text === ''
        ? []
        : [
            {
              type: 'message',
              role: 'assistant',
              content: [{ type: 'output_text', text, annotations: [] }],
              status,
            },
          ]),
      ...asArray(message['tool_calls']).map((value) => {
        const call = asObject(value);
        return {
          type: 'function_call',
          call_id: call?.['id'],
          ...asObject(call?.['function']),
          status,
        };
      }),
    ],
    ...statusOf(asString(choice['finish_reason']), tellsLimit),
    usage: usageOf(prompt, asNumber(asObject(answer['usage'])?.['completion_tokens']) ?? 0),
  };
}
