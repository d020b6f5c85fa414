/**
 * What the personas of hosted services share. Nobody outside sees their prompts, so that they are
 * played as their documentation has it: a message that they continue is continued token for token.
 */
import { asArray, asObject, asString, type JsonObject } from '../../dialects/json.ts';
import { Account, MODEL_NAME, randomId } from '../accounting.ts';
import { ApiError } from '../api-error.ts';
import { readChatRequest, templateMessage } from '../chat-request.ts';
import type { Engine, Ended, Step } from '../engine.ts';
import { EventStream } from '../http.ts';
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

/** How an OpenAI-shaped service differs from the others. */
export interface OpenAiStyle {
  /** The field of a delta that holds thinking. */
  readonly reasoningField: string;
  /** Sends the prefill again before what is new. */
  readonly echo?: boolean;
  /** Usage comes with the chunk that has the finish reason, asked for or not. */
  readonly usageWithFinish?: boolean;
  /** Comments between the events. */
  readonly comment?: string;
  /** The delta of a piece, where it is not the usual one. */
  readonly delta?: (piece: Piece) => object | undefined;
  /** Fields of each chunk. */
  readonly head?: object;
  /** Tells log-probabilities by text when asked to, those of the thinking apart. */
  readonly logprobs?: boolean;
}

/** Streams an answer as chat chunks. */
export async function streamChunks(
  engine: Engine,
  exchange: Exchange,
  prompt: HostedPrompt,
  tools: readonly unknown[],
  style: OpenAiStyle,
): Promise<void> {
  const { body, response } = exchange;
  const told = style.logprobs === true && body['logprobs'] === true;
  const top = told ? Math.max(1, readInteger(body, ['top_logprobs'], 1)) : 0;
  const { account, said, steps, finishOf } = telling(engine, exchange, prompt, tools, { top });
  const head = {
    id: `chatcmpl-${randomId()}`,
    object: 'chat.completion.chunk',
    created: Math.floor(Date.now() / 1000),
    model: asString(body['model']) ?? MODEL_NAME,
    ...style.head,
  };
  const events = new CommentedStream(response, style.comment);
  const send = (delta: object, finish: string | null, more: object = {}, own: object = {}) =>
    events.send({
      ...head,
      choices: [{ index: 0, delta, finish_reason: finish, ...own }],
      ...more,
    });
  const deltaOf = (piece: Piece): object => style.delta?.(piece) ?? deltaOfPiece(piece, style);
  await send({ role: 'assistant', content: '' }, null);
  if (style.echo === true) for (const piece of said) await send(deltaOf(piece), null);
  for await (const { step, pieces } of steps) {
    account.count(step);
    for (const [i, piece] of pieces.entries()) {
      const last = told && i === pieces.length - 1 && pieces.length === 1;
      await send(
        deltaOf(piece),
        null,
        {},
        last ? { logprobs: logprobsOf(engine, step, piece) } : {},
      );
    }
    if (step.ended === undefined) continue;
    const usage = { usage: account.usage() };
    await send({}, finishOf(step.ended), style.usageWithFinish === true ? usage : {});
    const asked = asObject(body['stream_options'])?.['include_usage'] === true;
    if (asked && style.usageWithFinish !== true)
      await events.send({ ...head, choices: [], ...usage });
    await events.send('[DONE]');
    events.end();
  }
}

class CommentedStream extends EventStream {
  readonly #comment: string | undefined;

  constructor(response: Exchange['response'], comment: string | undefined) {
    super(response);
    this.#comment = comment;
  }

  override async send(data: unknown): Promise<void> {
    if (this.#comment !== undefined) await this.write(`: ${this.#comment}\n\n`);
    await super.send(data);
  }
}

function deltaOfPiece(piece: Piece, { reasoningField }: OpenAiStyle): object {
  switch (piece.kind) {
    case 'reasoning':
      return { [reasoningField]: piece.text };
    case 'content':
      return { content: piece.text };
    case 'call':
      return {
        tool_calls: [
          {
            index: piece.index,
            id: `call_${piece.index}`,
            type: 'function',
            function: { name: piece.name, arguments: '' },
          },
        ],
      };
    case 'arguments':
      return { tool_calls: [{ index: piece.index, function: { arguments: piece.text } }] };
  }
}

/** One token of visible text, with its candidates; no ids. */
function logprobsOf({ vocabulary }: Engine, step: Step, piece: Piece): object {
  const own = 'text' in piece ? piece.text : '';
  const entry = {
    token: own,
    logprob: step.candidates[0]?.logprob ?? 0,
    bytes: [...Buffer.from(own)],
    top_logprobs: step.candidates.map(({ id, logprob }) => {
      const bytes = vocabulary.printed(id);
      return { token: Buffer.from(bytes).toString('utf8'), logprob, bytes: [...bytes] };
    }),
  };
  return piece.kind === 'reasoning'
    ? { content: null, reasoning_content: [entry] }
    : { content: [entry] };
}

/** A list of models in the OpenAI format. */
export function modelList(ids: readonly string[], more: object): object {
  return { object: 'list', data: ids.map((id) => ({ id, object: 'model', ...more })) };
}
