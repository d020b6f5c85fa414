/**
 * Anthropic's Messages API: the events of a stream, thinking blocks, and what becomes of a
 * trailing assistant message. Models up to Claude 4.5 continue it; from 4.6 on it is refused. It
 * must not end in whitespace, and not be continued while thinking is switched on.
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
import type { Ended, Engine } from '../engine.ts';
import { EventStream, sendJson } from '../http.ts';
import type { Piece } from '../parse.ts';
import {
  continuedPrompt,
  endsWithAssistant,
  messagesOf,
  newTurnPrompt,
  telling,
  type Telling,
} from './hosted.ts';
import type { Exchange, Persona } from './persona.ts';
import { messageOf } from './telling.ts';

const OLD = 'claude-sonnet-4-5';
const NEW = 'claude-opus-4-6';

const SOURCES = [
  'platform.claude.com/docs/build-with-claude/streaming',
  'platform.claude.com/docs: prefill, extended thinking',
  'trailing whitespace: opencode #1295, langchain #35071',
  'thinking blocks: Zed #33317, forgecode #3071',
  '4.6: copilot-api #261, opencode-dynamic-context-pruning #463',
];

export const anthropic: Persona = persona('anthropic', OLD);

export const anthropic46: Persona = persona('anthropic-4.6', NEW);

function persona(name: string, model: string): Persona {
  return {
    name,
    dialect: 'anthropic',
    sources: SOURCES,
    lacks: [
      'keys, prices and limits',
      'signatures: every one is refused, since a client that keeps only texts has none',
      'caches; images; server tools',
    ],
    routes: (engine) => ({
      'GET /v1/models': ({ response }) =>
        sendJson(response, 200, {
          data: [{ type: 'model', id: model, display_name: model }],
          has_more: false,
        }),
      'POST /v1/messages': (exchange) => answer(engine, exchange, model === NEW),
    }),
    errorBody: ({ message, type }) => ({ type: 'error', error: { type, message } }),
  };
}

async function answer(engine: Engine, exchange: Exchange, refuses: boolean): Promise<void> {
  const { body, headers } = exchange;
  if (headers['anthropic-version'] === undefined)
    throw new ApiError(400, 'anthropic-version: header is required');
  const limit = asNumber(body['max_tokens']);
  if (limit === undefined) throw new ApiError(400, 'max_tokens: Field required');
  const thinking = readThinking(body, limit);
  const turns = messagesOf(body);
  if (endsWithAssistant(turns)) refuseFinal(turns, thinking, refuses);
  const system = asString(body['system']);
  const messages = [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    ...turns.flatMap(openaiTurns),
  ];
  const tools = asArray(body['tools']).map(openaiTool);
  const conversation = { messages, tools, thinking };
  const prompt = endsWithAssistant(turns)
    ? continuedPrompt(engine, conversation)
    : newTurnPrompt(engine, conversation);
  const stop = asArray(body['stop_sequences']).filter((text) => typeof text === 'string');
  const told = telling(engine, exchange, prompt, tools, { limit, stop });
  const head = {
    id: `msg_${randomId()}`,
    type: 'message',
    role: 'assistant',
    model: asString(body['model']),
  };
  if (body['stream'] === true) await sendEvents(exchange, told, head);
  else await sendWhole(exchange, told, head);
}

async function sendEvents(
  { response }: Exchange,
  { account, steps, finishOf }: Telling,
  head: object,
): Promise<void> {
  const events = new EventStream(response);
  const send = (type: string, more: object = {}): Promise<void> =>
    events.sendNamed(type, { type, ...more });
  await send('message_start', {
    message: {
      ...head,
      content: [],
      stop_reason: null,
      usage: { input_tokens: account.promptLength, output_tokens: 1 },
    },
  });
  await send('ping');
  const blocks = new Blocks(send);
  for await (const { step, pieces } of steps) {
    account.count(step);
    for (const piece of pieces) await blocks.add(piece);
    if (step.ended === undefined) continue;
    await blocks.close();
    await send('message_delta', {
      delta: stopOf(step.ended, finishOf),
      usage: { output_tokens: account.predicted },
    });
    await send('message_stop');
    events.end();
  }
}

async function sendWhole(
  { response }: Exchange,
  { account, steps, finishOf }: Telling,
  head: object,
): Promise<void> {
  const all: Piece[] = [];
  for await (const { step, pieces } of steps) {
    account.count(step);
    all.push(...pieces);
    if (step.ended === undefined) continue;
    const { reasoning, content, calls } = messageOf(all);
    sendJson(response, 200, {
      ...head,
      content: [
        ...(reasoning === ''
          ? []
          : [{ type: 'thinking', thinking: reasoning, signature: randomId() }]),
        ...(content === '' ? [] : [{ type: 'text', text: content }]),
        ...calls.map(({ name, arguments: text }, i) => ({
          type: 'tool_use',
          id: `toolu_${i}`,
          name,
          input: parseEvent(text) ?? {},
        })),
      ],
      ...stopOf(step.ended, finishOf),
      usage: { input_tokens: account.promptLength, output_tokens: account.predicted },
    });
  }
}

/** Why a message ended, in this API's words. */
function stopOf(ended: Ended, finishOf: Telling['finishOf']): object {
  if (ended.type === 'word') return { stop_reason: 'stop_sequence', stop_sequence: ended.word };
  const words: Readonly<Record<string, string>> = {
    stop: 'end_turn',
    length: 'max_tokens',
    tool_calls: 'tool_use',
  };
  return { stop_reason: words[finishOf(ended)], stop_sequence: null };
}

function readThinking(body: JsonObject, limit: number): boolean {
  const thinking = asObject(body['thinking']);
  if (thinking?.['type'] !== 'enabled') return false;
  const budget = asNumber(thinking['budget_tokens']) ?? 0;
  if (budget < 1024)
    throw new ApiError(
      400,
      'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024',
    );
  if (limit <= budget)
    throw new ApiError(400, '`max_tokens` must be greater than `thinking.budget_tokens`.');
  if (body['temperature'] !== undefined && body['temperature'] !== 1)
    throw new ApiError(400, '`temperature` may only be set to 1 when thinking is enabled.');
  return true;
}

/** What is said to a trailing assistant message that cannot be continued. */
function refuseFinal(turns: readonly JsonObject[], thinking: boolean, refuses: boolean): void {
  const at = `messages.${turns.length - 1}`;
  const content = turns.at(-1)?.['content'];
  const blocks = asArray(content).map(asObject);
  const types = blocks.map((block) => asString(block?.['type']));
  const signed = types.indexOf('thinking');
  if (signed >= 0)
    throw new ApiError(400, `${at}.content.${signed}: Invalid \`signature\` in \`thinking\` block`);
  const call = blocks.find((block) => block?.['type'] === 'tool_use');
  if (call !== undefined)
    throw new ApiError(
      400,
      `${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${asString(call['id'])}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
    );
  if (refuses)
    throw new ApiError(
      400,
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    );
  if (thinking)
    throw new ApiError(
      400,
      `${at}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`text\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block.`,
    );
  if (/\s$/.test(asString(content) ?? asString(blocks.at(-1)?.['text']) ?? ''))
    throw new ApiError(
      400,
      'messages: final assistant content cannot end with trailing whitespace',
    );
}

/** A turn in the OpenAI format: results of tools are messages of their own there. */
function openaiTurns(turn: JsonObject): JsonObject[] {
  if (!Array.isArray(turn['content'])) return [turn];
  const blocks = asArray(turn['content']).map((block) => asObject(block) ?? {});
  const results = blocks.filter((block) => block['type'] === 'tool_result');
  if (results.length > 0)
    return results.map((block) => ({
      role: 'tool',
      content: asString(block['content']) ?? '',
      tool_call_id: block['tool_use_id'],
    }));
  const calls = blocks.filter((block) => block['type'] === 'tool_use');
  return [
    {
      role: turn['role'],
      content: blocks.map((block) => asString(block['text']) ?? '').join(''),
      ...(calls.length === 0
        ? {}
        : {
            tool_calls: calls.map((call) => ({
              id: call['id'],
              type: 'function',
              function: { name: call['name'], arguments: JSON.stringify(call['input']) },
            })),
          }),
    },
  ];
}

function openaiTool(value: unknown): object {
  const tool = asObject(value);
  return {
    type: 'function',
    function: {
      name: tool?.['name'],
      description: tool?.['description'],
      parameters: tool?.['input_schema'],
    },
  };
}

/** The content blocks of a stream: one after the other, each opened and closed. */
class Blocks {
  readonly #send: (type: string, more: object) => Promise<void>;
  #open: string | undefined;
  #index = -1;

  constructor(send: (type: string, more: object) => Promise<void>) {
    this.#send = send;
  }

  async add(piece: Piece): Promise<void> {
    switch (piece.kind) {
      case 'reasoning':
        await this.#enter('thinking', { type: 'thinking', thinking: '', signature: '' });
        return await this.#delta({ type: 'thinking_delta', thinking: piece.text });
      case 'content':
        await this.#enter('text', { type: 'text', text: '' });
        return await this.#delta({ type: 'text_delta', text: piece.text });
      case 'call':
        return await this.#enter(`call ${piece.index}`, {
          type: 'tool_use',
          id: `toolu_${piece.index}`,
          name: piece.name,
          input: {},
        });
      case 'arguments':
        return await this.#delta({ type: 'input_json_delta', partial_json: piece.text });
    }
  }

  async close(): Promise<void> {
    if (this.#open === undefined) return;
    if (this.#open === 'thinking')
      await this.#delta({ type: 'signature_delta', signature: randomId() });
    await this.#send('content_block_stop', { index: this.#index });
    this.#open = undefined;
  }

  async #enter(kind: string, block: object): Promise<void> {
    if (this.#open === kind) return;
    await this.close();
    this.#open = kind;
    this.#index++;
    await this.#send('content_block_start', { index: this.#index, content_block: block });
  }

  async #delta(delta: object): Promise<void> {
    await this.#send('content_block_delta', { index: this.#index, delta });
  }
}
