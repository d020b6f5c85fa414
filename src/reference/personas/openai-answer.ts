/**
 * An answer in the shape of OpenAI's chat completions, as a stream of chunks or as one object: both
 * are made of the same pieces, so that put together they give the same message.
 */
import { asObject, asString, type JsonObject } from '../../dialects/json.ts';
import { MODEL_NAME, randomId } from '../accounting.ts';
import type { Engine, Step } from '../engine.ts';
import { EventStream, sendJson } from '../http.ts';
import type { Piece } from '../parse.ts';
import { readInteger } from '../sampling.ts';
import { telling, type HostedPrompt, type Telling } from './hosted.ts';
import type { Exchange } from './persona.ts';
import { messageOf } from './telling.ts';
import { textLogprob } from './text-logprob.ts';

/** How an OpenAI-shaped service differs from the others. */
export interface OpenAiStyle {
  /** The field of a delta that holds thinking. */
  readonly reasoningField: string;
  /** Sends the prefill again before what is new. */
  readonly echo?: boolean;
  /** Usage comes with the chunk that has the finish reason, asked for or not. */
  readonly usageWithFinish?: boolean;
  /** Usage so far comes with every chunk that has text, where `continuous_usage_stats` asks for it. */
  readonly continuousUsage?: boolean;
  /** Comments between the events. */
  readonly comment?: string;
  /** The delta of a piece, where it is not the usual one. */
  readonly delta?: (piece: Piece) => object | undefined;
  /** The whole content, where it is not the text alone. */
  readonly content?: (reasoning: string, content: string) => unknown;
  /** Fields of each chunk. */
  readonly head?: object;
  /** Tells log-probabilities by text when asked to, those of the thinking apart. */
  readonly logprobs?: boolean;
  /** What more is told once the answer is whole: in a stream by a chunk of its own. */
  readonly whole?: (steps: readonly Step[]) => object | undefined;
  /** What more the only choice has in an answer that is not streamed. */
  readonly choice?: (steps: readonly Step[]) => object;
}

/** Answers a chat, streamed or not as the request has it. */
export async function sendAnswer(
  engine: Engine,
  exchange: Exchange,
  prompt: HostedPrompt,
  tools: readonly unknown[],
  style: OpenAiStyle,
): Promise<void> {
  const { body } = exchange;
  const told = style.logprobs === true && body['logprobs'] === true;
  const top = told ? Math.max(1, readInteger(body, ['top_logprobs'], 1)) : 0;
  const answer = telling(engine, exchange, prompt, tools, { top });
  if (body['stream'] === true) await sendChunks(engine, exchange, answer, style, told);
  else await sendWhole(engine, exchange, answer, style, told);
}

function headOf(body: JsonObject, object: string, style: OpenAiStyle): object {
  return {
    id: `chatcmpl-${randomId()}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: asString(body['model']) ?? MODEL_NAME,
    ...style.head,
  };
}

async function sendChunks(
  engine: Engine,
  { body, response }: Exchange,
  { account, said, steps, finishOf }: Telling,
  style: OpenAiStyle,
  told: boolean,
): Promise<void> {
  const options = asObject(body['stream_options']);
  const head = headOf(body, 'chat.completion.chunk', style);
  const events = new CommentedStream(response, style.comment);
  const send = (delta: object, finish: string | null, more: object = {}, own: object = {}) =>
    events.send({
      ...head,
      choices: [{ index: 0, delta, finish_reason: finish, ...own }],
      ...more,
    });
  const deltaOf = (piece: Piece): object => style.delta?.(piece) ?? deltaOfPiece(piece, style);
  const counts = style.continuousUsage === true && options?.['continuous_usage_stats'] === true;
  const made: Step[] = [];
  await send({ role: 'assistant', content: '' }, null);
  if (style.echo === true) for (const piece of said) await send(deltaOf(piece), null);
  for await (const { step, pieces } of steps) {
    account.count(step);
    made.push(step);
    for (const piece of pieces)
      await send(
        deltaOf(piece),
        null,
        counts ? { usage: account.usage() } : {},
        told && pieces.length === 1 ? { logprobs: logprobsOf([entryOf(engine, step, piece)]) } : {},
      );
    if (step.ended === undefined) continue;
    const usage = { usage: account.usage() };
    await send({}, finishOf(step.ended), style.usageWithFinish === true ? usage : {});
    const more = style.whole?.(made);
    if (more !== undefined) await events.send({ ...head, choices: [], ...more });
    if (options?.['include_usage'] === true && style.usageWithFinish !== true)
      await events.send({ ...head, choices: [], ...usage });
    await events.send('[DONE]');
    events.end();
  }
}

async function sendWhole(
  engine: Engine,
  { body, response }: Exchange,
  { account, said, steps, finishOf }: Telling,
  style: OpenAiStyle,
  told: boolean,
): Promise<void> {
  const all: Piece[] = style.echo === true ? [...said] : [];
  const made: Step[] = [];
  const entries: Entry[] = [];
  for await (const { step, pieces } of steps) {
    account.count(step);
    made.push(step);
    all.push(...pieces);
    const [piece] = pieces;
    if (told && piece !== undefined && pieces.length === 1)
      entries.push(entryOf(engine, step, piece));
    if (step.ended === undefined) continue;
    sendJson(response, 200, {
      ...headOf(body, 'chat.completion', style),
      choices: [
        {
          index: 0,
          message: messageJson(all, style),
          logprobs: told ? logprobsOf(entries) : null,
          finish_reason: finishOf(step.ended),
          ...style.choice?.(made),
        },
      ],
      usage: account.usage(),
      ...style.whole?.(made),
    });
  }
}

function messageJson(pieces: readonly Piece[], style: OpenAiStyle): object {
  const { reasoning, content, calls } = messageOf(pieces);
  const own = style.content?.(reasoning, content);
  return {
    role: 'assistant',
    content: own ?? content,
    ...(own !== undefined || reasoning === '' ? {} : { [style.reasoningField]: reasoning }),
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map((called, i) => ({
            id: `call_${i}`,
            type: 'function',
            function: called,
          })),
        }),
  };
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

/** One token's entry, and the list that it belongs into. */
interface Entry {
  readonly list: 'content' | 'reasoning_content';
  readonly entry: object;
}

function entryOf(engine: Engine, step: Step, piece: Piece): Entry {
  const list = piece.kind === 'reasoning' ? 'reasoning_content' : 'content';
  return { list, entry: textLogprob(engine, step, piece) };
}

function logprobsOf(entries: readonly Entry[]): object {
  const listed = (name: Entry['list']): object[] =>
    entries.flatMap(({ list, entry }) => (list === name ? [entry] : []));
  const reasoning = listed('reasoning_content');
  const content = listed('content');
  return {
    content: content.length === 0 ? null : content,
    ...(reasoning.length === 0 ? {} : { reasoning_content: reasoning }),
  };
}
