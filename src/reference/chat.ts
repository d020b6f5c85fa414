/** `POST /v1/chat/completions`, streamed and whole. */
import type { ServerResponse } from 'node:http';
import { asObject, type JsonObject } from '../dialects/json.ts';
import { Account, BUILD, logprobEntry, MODEL_NAME, randomId } from './accounting.ts';
import { ApiError } from './api-error.ts';
import { readChatRequest, type ChatRequest } from './chat-request.ts';
import { verboseOf } from './completion.ts';
import type { Ended, Engine, ReadyPrompt, Step } from './engine.ts';
import type { FaultName } from './faults.ts';
import { sendJson, type Pace } from './http.ts';
import { MessageFaults } from './message-faults.ts';
import { MessageParser, type Piece } from './parse.ts';
import { messageOf as putTogether, type PieceReader } from './personas/telling.ts';
import { readInteger, readStops } from './sampling.ts';
import { openStream } from './transport-faults.ts';

/** What a chat request wants besides its prompt. */
interface Wishes {
  readonly stream: boolean;
  readonly logprobs: boolean;
  readonly top: number;
  readonly limit: number;
  readonly stop: readonly string[];
  readonly timingsPerToken: boolean;
  readonly includeUsage: boolean;
  readonly verbose: boolean;
  readonly parsed: boolean;
  readonly echo: boolean;
}

function readWishes(body: JsonObject): Wishes {
  const stream = body['stream'] === true;
  const logprobs = body['logprobs'] === true;
  const tools = Array.isArray(body['tools']) && body['tools'].length > 0;
  if (logprobs && stream && tools)
    throw new ApiError(400, 'logprobs is not supported with tools + stream');
  if (!logprobs && readInteger(body, ['top_logprobs'], 0) > 0)
    throw new ApiError(400, 'top_logprobs requires logprobs to be set to true');
  const choices = readInteger(body, ['n'], 1);
  if (choices !== 1)
    throw new ApiError(400, `Field 'n': Value must be between 1 <= value <= 1, but got ${choices}`);
  readInteger(body, ['temperature'], 0);
  return {
    stream,
    logprobs,
    top: logprobs ? Math.max(1, readInteger(body, ['top_logprobs'], 20)) : 0,
    limit: readInteger(body, ['max_tokens', 'max_completion_tokens', 'n_predict'], -1),
    stop: readStops(body),
    timingsPerToken: body['timings_per_token'] === true,
    includeUsage: asObject(body['stream_options'])?.['include_usage'] === true,
    verbose: body['verbose'] === true,
    parsed: body['reasoning_format'] !== 'none',
    echo: body['echo'] === true,
  };
}

/** How a server of llama.cpp's API takes a chat request; `IDEAL` is the reference's own. */
export interface Conduct {
  read(body: JsonObject): ChatRequest;
  prompt(engine: Engine, request: ChatRequest): ReadyPrompt;
  /** `tools`: whether tool calls are parsed. */
  parser(tools: boolean, request: ChatRequest): ChatParser;
  /** What of the prefill a whole answer begins with; a stream never does. */
  prefix(before: readonly Piece[]): readonly Piece[];
}

export interface ChatParser extends PieceReader {
  /** True once a tool call has been read. */
  readonly called: boolean;
}

const IDEAL: Conduct = {
  read: readChatRequest,
  prompt: (engine, request) => engine.prompt(request),
  parser: (tools) => new MessageParser(tools),
  prefix: () => [],
};

/** Answers a chat request. */
export async function answerChat(
  engine: Engine,
  body: JsonObject,
  response: ServerResponse,
  pace: Pace,
  conduct: Conduct = IDEAL,
): Promise<void> {
  const wishes = readWishes(body);
  const request = conduct.read(body);
  const strikes: Strikes = (fault) =>
    request.trailing !== undefined && engine.plan.strikes(fault, request.key);
  const prompt = conduct.prompt(engine, request);
  noticeDisconnects(engine, response);
  // With the thinking inline, what stands before the JSON is not told apart from it.
  const begun = /^\s*(?!<think>)\S/.test(request.trailing?.content ?? '');
  const restarted = begun && body['response_format'] !== undefined && strikes('json-restarted');
  const stated = restarted ? beforeContent(engine, prompt.ids, request) : prompt.ids;
  const from = strikes('stale-cache') ? staleState(stated) : stated;
  const special = engine.style.name === 'harmony';
  const steps = masked(engine.generate(from, { ...wishes, special }), strikes);
  const { slot, cached } = engine.slots.take(prompt.ids, {
    slot: readInteger(body, ['id_slot'], -1),
    cache: body['cache_prompt'] !== false,
  });
  const account = new Account(prompt.ids.length, cached);
  const reader = new Reader(request, prompt, wishes, conduct, strikes);
  const chat = { engine, wishes, request, prompt, account, reader, slot };
  if (wishes.stream) await streamed(chat, steps, response, pace);
  else await whole(chat, steps, response, pace);
}

/** A slot that a client left in the middle of a generation is still busy for the next request. */
function noticeDisconnects(engine: Engine, response: ServerResponse): void {
  if (!engine.plan.planted('slot-busy')) return;
  if (engine.busy) {
    engine.busy = false;
    throw new ApiError(503, 'all slots are busy', 'unavailable_error');
  }
  response.once('close', () => {
    engine.busy = !response.writableFinished;
  });
}

/** The state of another prompt: the same without what was said last. */
function staleState(ids: readonly number[]): readonly number[] {
  return ids.slice(0, Math.max(1, ids.length - 3));
}

/** The state before the content of the prefill, as of a grammar that knows nothing of it. */
function beforeContent(
  engine: Engine,
  ids: readonly number[],
  { trailing }: ChatRequest,
): readonly number[] {
  const content = Buffer.from(trailing?.content ?? '');
  if (content.length === 0) return ids;
  for (let at = ids.length - 1; at >= 0; at--)
    if (content.equals(engine.vocabulary.join(ids.slice(at)))) return ids.slice(0, at);
  return ids;
}

interface Chat {
  readonly engine: Engine;
  readonly wishes: Wishes;
  readonly request: ChatRequest;
  readonly prompt: ReadyPrompt;
  readonly account: Account;
  readonly reader: Reader;
  readonly slot: number;
}

/** From tokens to pieces of the message, with the parser's faults. */
class Reader {
  readonly #parser: ChatParser | undefined;
  readonly #faults: MessageFaults;
  #withheld: string;
  /** What is sent again before anything new. */
  readonly echo: readonly Piece[];
  /** What a whole answer begins with. */
  readonly prefix: readonly Piece[];

  constructor(
    request: ChatRequest,
    prompt: ReadyPrompt,
    wishes: Wishes,
    conduct: Conduct,
    strikes: Strikes,
  ) {
    const tools = request.tools.length > 0 || (request.trailing?.calls.length ?? 0) > 0;
    this.#parser = wishes.parsed ? conduct.parser(tools, request) : undefined;
    const before = this.#read(prompt.prefill);
    this.#withheld = prompt.withheld ?? '';
    this.echo = wishes.echo || strikes('prefill-echoed') ? before : [];
    this.prefix = this.echo.length > 0 ? this.echo : conduct.prefix(before);
    this.#faults = new MessageFaults(strikes, before);
  }

  /** True when the message holds a tool call. */
  get called(): boolean {
    return this.#parser?.called === true;
  }

  /** True when nothing of what is generated is sent. */
  get mute(): boolean {
    return this.#faults.mute;
  }

  pieces({ released, ended }: Step): Piece[] {
    const pieces = this.#read(this.#withheld + this.#faults.text(released));
    this.#withheld = '';
    const held = ended === undefined ? [] : (this.#parser?.end?.() ?? []);
    return this.#faults.pieces([...pieces, ...held]);
  }

  #read(text: string): Piece[] {
    if (this.#parser !== undefined) return [...this.#parser.feed(text)];
    return text === '' ? [] : [{ kind: 'content', text }];
  }
}

/** Whether a fault strikes this request, which is a resume. */
type Strikes = (fault: FaultName) => boolean;

/** Tokens after which a stream with the fault `stop-masked` breaks off. */
const MASK_AFTER = 2;

/** The same tokens, the end made up where the stream breaks off. */
function* masked(steps: Iterable<Step>, strikes: Strikes): Generator<Step, void, undefined> {
  for (const step of steps) {
    const cut = step.ended === undefined && step.place === MASK_AFTER && strikes('stop-masked');
    yield cut ? { ...step, ended: { type: 'eos', word: '', truncated: false } } : step;
    if (cut) return;
  }
}

async function streamed(
  chat: Chat,
  steps: Iterable<Step>,
  response: ServerResponse,
  pace: Pace,
): Promise<void> {
  const { engine, wishes, request, account, reader } = chat;
  const resumed = request.trailing !== undefined;
  const strikes: Strikes = (fault) => engine.plan.strikes(fault, request.key);
  const events = openStream(response, resumed, strikes);
  const head = headOf('chat.completion.chunk');
  const chunk = (choices: readonly object[], more: object = {}): Promise<void> =>
    events.send({ choices, ...head, ...more });
  let first = true;
  for (const step of steps) {
    if (!(await pace.next())) return;
    account.count(step);
    const told = wishes.logprobs && !step.released.incomplete;
    const logprobs = told ? { logprobs: { content: [logprobEntry(engine.vocabulary, step)] } } : {};
    const timings = wishes.timingsPerToken ? { timings: account.timings() } : {};
    const deltas: object[] = [...(first ? reader.echo : []), ...reader.pieces(step)].map(deltaOf);
    if (resumed && reader.mute) deltas.length = 0;
    if (first) deltas.unshift({ role: 'assistant', content: null });
    // A token's log-probabilities ride on its last chunk; without a chunk they are lost.
    if (step.released.incomplete && !first) deltas.length = 0;
    for (const [i, delta] of deltas.entries()) {
      const last = i === deltas.length - 1;
      await chunk(
        [{ finish_reason: null, index: 0, delta, ...(last ? logprobs : {}) }],
        last ? timings : {},
      );
    }
    first = false;
    if (step.ended === undefined) continue;
    const closing = { timings: account.timings() };
    const verbose = wishes.verbose ? verboseOf(chat, step.ended, '') : {};
    const reason = resumed && strikes('finish-dishonest') ? 'length' : finishOf(step.ended, reader);
    const finish = { finish_reason: reason, index: 0, delta: {} };
    await chunk([finish], wishes.includeUsage ? verbose : { ...closing, ...verbose });
    if (wishes.includeUsage) await chunk([], { usage: account.usage(), ...closing });
    await events.send('[DONE]');
    events.end();
  }
}

/** The whole answer; where the conduct does not say otherwise it holds only what is new, like the stream. */
async function whole(
  chat: Chat,
  steps: Iterable<Step>,
  response: ServerResponse,
  pace: Pace,
): Promise<void> {
  const { engine, wishes, account, reader } = chat;
  const pieces: Piece[] = [...reader.prefix];
  const content: object[] = [];
  let raw = '';
  for (const step of steps) {
    if (!(await pace.next())) return;
    account.count(step);
    pieces.push(...reader.pieces(step));
    raw += step.released.text;
    if (wishes.logprobs && !step.released.incomplete)
      content.push(logprobEntry(engine.vocabulary, step));
    if (step.ended === undefined) continue;
    const choice = {
      finish_reason: finishOf(step.ended, reader),
      index: 0,
      message: messageOf(pieces),
      ...(wishes.logprobs ? { logprobs: { content } } : {}),
    };
    sendJson(response, 200, {
      choices: [choice],
      ...headOf('chat.completion'),
      usage: account.usage(),
      ...(wishes.verbose ? verboseOf(chat, step.ended, raw) : {}),
      timings: account.timings(),
    });
  }
}

function headOf(object: string): object {
  return {
    created: Math.floor(Date.now() / 1000),
    id: `chatcmpl-${randomId()}`,
    model: MODEL_NAME,
    system_fingerprint: BUILD,
    object,
  };
}

/** Not random as a real server's: a client sends it back, and the same run must give the same record. */
function callId(index: number): string {
  return `call_${index}`;
}

function finishOf(ended: Ended, reader: Reader): string {
  if (ended.type === 'limit') return 'length';
  return reader.called ? 'tool_calls' : 'stop';
}

function deltaOf(piece: Piece): object {
  switch (piece.kind) {
    case 'reasoning':
      return { reasoning_content: piece.text };
    case 'content':
      return { content: piece.text };
    case 'call': {
      const called = { name: piece.name, arguments: piece.opens ?? '' };
      return {
        tool_calls: [
          { index: piece.index, id: callId(piece.index), type: 'function', function: called },
        ],
      };
    }
    case 'arguments':
      return { tool_calls: [{ index: piece.index, function: { arguments: piece.text } }] };
  }
}

function messageOf(pieces: readonly Piece[]): object {
  const { reasoning, content, calls } = putTogether(pieces);
  return {
    role: 'assistant',
    content,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map((called, i) => ({
            type: 'function',
            function: called,
            id: callId(i),
          })),
        }),
  };
}
