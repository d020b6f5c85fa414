/**
 * What the personas of hosted services share. Nobody outside sees their prompts, so that they are
 * played as their documentation has it: a message that they continue is continued token for token.
 */
import { asArray, asObject, type JsonObject } from '../../dialects/json.ts';
import { Account } from '../accounting.ts';
import { ApiError } from '../api-error.ts';
import { readChatRequest, templateMessage } from '../chat-request.ts';
import type { Engine, Ended, Step } from '../engine.ts';
import { MessageParser, type Piece } from '../parse.ts';
import { readInteger, readStops } from '../sampling.ts';
import type { Exchange } from './persona.ts';
import { tell } from './telling.ts';

/** A conversation as the OpenAI format has it; `reasoning_content` is the thinking. */
export interface Conversation {
  readonly messages: readonly JsonObject[];
  readonly tools: readonly unknown[];
  /** Undefined leaves it to the model. */
  readonly thinking: boolean | undefined;
}

/** A prompt, and what of the answer is already in it. */
export interface HostedPrompt {
  readonly ids: readonly number[];
  readonly prefill: string;
}

/** True when the conversation ends with an assistant message. */
export function endsWithAssistant(messages: readonly JsonObject[]): boolean {
  return messages.at(-1)?.['role'] === 'assistant';
}

/** The prompt that goes on with a trailing assistant message, just as the model wrote it. */
export function continuedPrompt(engine: Engine, conversation: Conversation): HostedPrompt {
  const { messages, tools, thinking } = conversation;
  return engine.prompt(
    readChatRequest({
      messages,
      ...(tools.length === 0 ? {} : { tools }),
      ...(thinking === undefined ? {} : { chat_template_kwargs: { enable_thinking: thinking } }),
    }),
  );
}

/** The prompt in which a trailing assistant message is a past turn, and a new one is opened. */
export function newTurnPrompt(engine: Engine, conversation: Conversation): HostedPrompt {
  const { messages, tools, thinking } = conversation;
  const text = engine.template.render({
    messages: messages.map((message) => templateMessage(withWholeCalls(message))),
    tools: [...tools],
    kwargs: thinking === undefined ? {} : { enable_thinking: thinking },
    addGenerationPrompt: true,
  });
  return { ids: engine.vocabulary.encode(text, { control: true }), prefill: '' };
}

/** A call that was cut is a past call with no arguments: what services make of it is not documented. */
function withWholeCalls(message: JsonObject): JsonObject {
  const calls = asArray(message['tool_calls']).map((value) => {
    const call = asObject(value);
    const called = asObject(call?.['function']);
    return { ...call, function: { ...called, arguments: wholeJson(called?.['arguments']) } };
  });
  return calls.length === 0 ? message : { ...message, tool_calls: calls };
}

function wholeJson(text: unknown): unknown {
  if (typeof text !== 'string') return text;
  try {
    JSON.parse(text);
    return text;
  } catch {
    return '{}';
  }
}

/** The messages of a body. */
export function messagesOf(body: JsonObject): JsonObject[] {
  return asArray(body['messages']).map((message) => {
    const object = asObject(message);
    if (object === undefined) throw new ApiError(400, 'messages must be a list of objects');
    return object;
  });
}

/** An answer in the making: counted, read as pieces, told from its end. */
export interface Telling {
  readonly account: Account;
  /** What the prefill already said, as pieces: what an echoing server sends first. */
  readonly said: readonly Piece[];
  readonly steps: AsyncGenerator<{ readonly step: Step; readonly pieces: readonly Piece[] }>;
  /** In the words of the OpenAI API. */
  readonly finishOf: (ended: Ended) => string;
}

/** Generates the answer to a prompt. `limitNames`: the fields that may hold the token limit. */
export function telling(
  engine: Engine,
  { body, pace }: Exchange,
  { ids, prefill }: HostedPrompt,
  tools: readonly unknown[],
  options: {
    readonly limit?: number;
    readonly stop?: readonly string[];
    readonly top?: number;
  } = {},
): Telling {
  const parser = new MessageParser(tools.length > 0);
  const said = parser.feed(prefill);
  const { cached } = engine.slots.take(ids, { slot: -1, cache: true });
  const limit = options.limit ?? readInteger(body, ['max_tokens', 'max_completion_tokens'], -1);
  const stop = options.stop ?? readStops(body);
  return {
    account: new Account(ids.length, cached),
    said,
    steps: tell(engine, pace, ids, { limit, stop, top: options.top ?? 0 }, parser),
    finishOf: (ended) =>
      ended.type === 'limit' ? 'length' : parser.called ? 'tool_calls' : 'stop',
  };
}

/** A list of models in the OpenAI format. */
export function modelList(ids: readonly string[], more: object): object {
  return { object: 'list', data: ids.map((id) => ({ id, object: 'model', ...more })) };
}
