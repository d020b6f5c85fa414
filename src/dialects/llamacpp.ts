/**
 * llama.cpp's server, and the embedded reference server that speaks the same API.
 *
 * - The prompt oracle is `/apply-template` and `/tokenize`: the server's own template handler and
 *   tokenizer, without a generation.
 * - A chat stream tells the ids of visible tokens only (`logprobs`); `timings.predicted_n` tells
 *   how many tokens stand behind each chunk. `/completion` without streaming tells every id.
 * - With tools the server refuses log-probabilities in a stream, so that no ids are seen there.
 */
import { SeamstressError } from '../errors.ts';
import { HttpClient } from '../wire/http.ts';
import { mostEvents } from './endless.ts';
import { Batch } from './batch.ts';
import { chooseModel, httpOptions, probe, sha256, TOKENIZER_PROBE } from './acquaint.ts';
import type {
  Answer,
  ChatRequest,
  Completion,
  ConnectOptions,
  Dialect,
  ReadOptions,
  Rendered,
  SamplingOptions,
  Spending,
  Target,
  TargetIdentity,
  Usage,
} from './dialect.ts';
import { asArray, asBytes, asIds, asNumber, asObject, asString, type JsonObject } from './json.ts';
import { Conversations, replayed } from './llamacpp-replay.ts';
import { LlamacppReading, readUsage } from './llamacpp-stream.ts';
import {
  deltaOf,
  openaiConstraints,
  openaiMessages,
  openaiTools,
  readLogprobs,
  readWhole,
} from './openai.ts';
import { Memo } from './memo.ts';
import { Routes } from './route.ts';
import type { TokenEvent } from '../seam/generation.ts';

const KIND = 'llama.cpp';
const REASONING_FIELD = 'reasoning_content';
const CHAT_PATH = '/v1/chat/completions';

export const llamacpp: Dialect = {
  name: 'llama.cpp',
  limits: [
    'a chat stream does not tell the ids of hidden tokens (think tags, tool-call frames)',
    'with tools, a chat stream tells no ids at all',
    '/v1/messages and /v1/responses: no ids, of a prompt only its number of tokens',
    '/v1/messages always goes on from the warm cache, and /v1/responses calls an answer at its limit completed',
  ],
  async recognises(ask) {
    const props = asObject(await ask({ method: 'GET', path: '/props' }));
    return props?.['chat_template'] !== undefined || props?.['build_info'] !== undefined;
  },
  connect: connectLlamacpp,
};

async function connectLlamacpp(options: ConnectOptions, signal: AbortSignal): Promise<Target> {
  const http = new HttpClient(httpOptions(options));
  try {
    const props =
      asObject(await probe(http, { kind: KIND, method: 'GET', path: '/props' }, signal)) ?? {};
    const chatTemplate = asString(props['chat_template']);
    if (chatTemplate === undefined)
      throw new SeamstressError(
        'target',
        `${http.url} is not a llama.cpp server: /props has no chat_template`,
        {
          hint: 'Give the root URL of a llama.cpp server.',
        },
      );
    const { name: model } = await chooseModel(http, KIND, options.model, signal);
    const several = await tokenizesSeveral(http, signal);
    const body = tokenizeBody(TOKENIZER_PROBE);
    const probeIds =
      several ??
      readTokens(
        await probe(http, { kind: KIND, method: 'POST', path: '/tokenize', body }, signal),
      );
    const build = asString(props['build_info']);
    const identity: TargetIdentity = {
      dialect: llamacpp.name,
      url: http.url,
      model,
      engine: {
        name:
          options.engine?.name ?? (build?.startsWith('reference') === true ? 'reference' : KIND),
        version: options.engine?.version,
        build: options.engine?.build ?? build,
      },
      chatTemplateSha256: sha256(chatTemplate),
      tokenizerSha256: sha256(JSON.stringify(probeIds)),
      hops: [],
      ...(options.faults === undefined ? {} : { faults: options.faults }),
      ...(options.faultSeed === undefined ? {} : { faultSeed: options.faultSeed }),
    };
    return new LlamacppTarget(http, identity, chatTemplate, several === undefined ? 1 : TEXTS);
  } catch (error) {
    await http.close();
    throw error;
  }
}

/** `/tokenize` takes a list of texts and ids, and gives ids back as they are: this one parts the texts. */
const BETWEEN = -1;
/** Texts of one request at most. */
const TEXTS = 64;

/** The ids of the probe text when the server tokenizes several texts at once; undefined when it does not. */
async function tokenizesSeveral(
  http: HttpClient,
  signal: AbortSignal,
): Promise<readonly number[] | undefined> {
  try {
    const body = tokenizeBody([TOKENIZER_PROBE, BETWEEN, TOKENIZER_PROBE]);
    const reply = await http.json('POST', '/tokenize', body, signal);
    const [first, second, ...more] = apart(readTokens(reply.body));
    const fits = first !== undefined && first.length > 0 && first.join() === second?.join();
    return fits && more.length === 0 ? first : undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
}

function tokenizeBody(content: string | readonly (string | number)[]): JsonObject {
  return { content, add_special: false, parse_special: true };
}

/** The lists between the parting ids. */
function apart(ids: readonly number[]): number[][] {
  const lists: number[][] = [[]];
  for (const id of ids)
    if (id === BETWEEN) lists.push([]);
    else lists.at(-1)?.push(id);
  return lists;
}

function readTokens(body: unknown): readonly number[] {
  const ids = asIds(asObject(body)?.['tokens']);
  if (ids === undefined)
    throw new SeamstressError('target', '/tokenize answered without a list of token ids');
  return ids;
}

/**
 * The generated tokens with what is told of them. Of a token that ends inside a character the
 * server tells nothing; the bytes come with the token that completes the character, and so the
 * ones before it have none here.
 */
function withLogprobs(ids: readonly number[], told: readonly TokenEvent[]): TokenEvent[] {
  let next = told.length - 1;
  // From the end: the token that completes a character can have the id of the one before it.
  const tokens = ids
    .toReversed()
    .map((id): TokenEvent => {
      const token = told[next];
      if (token?.id !== id) return { id, bytes: new Uint8Array() };
      next--;
      return token;
    })
    .toReversed();
  if (next >= 0)
    throw new SeamstressError(
      'target',
      '/completion told log-probabilities of other tokens than it generated',
    );
  return tokens;
}

/** `piece` is a string, or a list of bytes where the token is not whole characters. */
function readPiece(value: unknown): TokenEvent {
  const token = asObject(value);
  const id = asNumber(token?.['id']);
  const piece = token?.['piece'];
  if (id === undefined) throw new SeamstressError('target', '/tokenize answered without pieces');
  return {
    id,
    bytes: typeof piece === 'string' ? new TextEncoder().encode(piece) : asBytes(piece),
  };
}

interface Text {
  readonly text: string;
  readonly signal: AbortSignal;
}

class LlamacppTarget implements Target {
  readonly identity: TargetIdentity;
  readonly chatTemplate: string;
  readonly #http: HttpClient;
  readonly #routes: Routes;
  readonly #conversations = new Conversations();
  readonly #texts: Batch<Text, readonly number[]>;
  readonly #encoded = new Memo<readonly number[]>(20_000);
  /** Apart from `#encoded`: a server may know more of a text that it rendered itself. */
  readonly #rendered = new Memo<readonly number[]>(20_000);
  #promptTokens = 0;
  #generatedTokens = 0;

  /** @param texts texts that the server tokenizes in one request at most */
  constructor(http: HttpClient, identity: TargetIdentity, chatTemplate: string, texts: number) {
    this.#http = http;
    this.#routes = new Routes(http, (cache) => ({ cache_prompt: cache === 'warm' }));
    this.#texts = new Batch((asked) => this.#tokenizeAll(asked), texts);
    this.identity = identity;
    this.chatTemplate = chatTemplate;
  }

  get spending(): Spending {
    return {
      requests: this.#http.requests,
      promptTokens: this.#promptTokens,
      generatedTokens: this.#generatedTokens,
    };
  }

  async chat(request: ChatRequest, sampling: SamplingOptions, read: ReadOptions): Promise<Answer> {
    const answer = await this.#asked(request, sampling, read);
    this.#promptTokens += answer.usage.promptTokens ?? 0;
    this.#generatedTokens += answer.generated;
    return answer;
  }

  async #asked(
    request: ChatRequest,
    sampling: SamplingOptions,
    read: ReadOptions,
  ): Promise<Answer> {
    const { route, whole, replayAfter } = request;
    if (route !== undefined) return await this.#routes.chat(route, request, sampling, read);
    const body = chatBody(request, sampling);
    if (whole === true) return await this.#whole(body, read.signal);
    const maxEvents = mostEvents(sampling.maxTokens);
    if (replayAfter !== undefined) {
      const conversation = this.#conversations.take();
      const asked = { path: CHAT_PATH, body, after: replayAfter, maxEvents };
      const answer = await replayed(this.#http, conversation, asked, read);
      this.#conversations.give(conversation);
      return answer;
    }
    const reading = new LlamacppReading();
    const reply = await this.#http.stream(CHAT_PATH, body, {
      signal: read.signal,
      maxEvents,
      onData: (data) => reading.hear(data, read.stopWhen),
    });
    return reading.answer(reply);
  }

  /** An answer in one piece. Its tokens are placed only where all of them are told. */
  async #whole(body: JsonObject, signal: AbortSignal): Promise<Answer> {
    const asked = { ...body, stream: false, stream_options: undefined };
    const reply = await this.#http.json('POST', CHAT_PATH, asked, signal);
    const answer = asObject(reply.body) ?? {};
    const stated = asObject(answer['usage']);
    const message = readWhole(answer);
    const told = message?.logprobs ?? [];
    const generated = asNumber(stated?.['completion_tokens']) ?? told.length;
    const delta = message === undefined ? undefined : deltaOf(message, generated);
    return {
      deltas: delta === undefined ? [] : [delta],
      tokens: told.length === generated ? told.map((token, i) => ({ ...token, place: i + 1 })) : [],
      generated,
      finish: message?.finish,
      end: { kind: 'done' },
      usage: readUsage(stated, asObject(answer['timings'])),
      timing: { firstEventMs: undefined, totalMs: reply.ms },
      capture: [],
      request: reply.request,
    };
  }

  async complete(
    prompt: readonly number[],
    sampling: SamplingOptions,
    signal: AbortSignal,
  ): Promise<Completion> {
    const reply = await this.#http.json(
      'POST',
      '/completion',
      completionBody(prompt, sampling),
      signal,
    );
    const body = asObject(reply.body) ?? {};
    const ids = asIds(body['tokens']);
    if (ids === undefined)
      throw new SeamstressError('target', '/completion answered without token ids', {
        hint: 'The build is too old for return_tokens; use a newer one.',
      });
    const told = readLogprobs(body['completion_probabilities']);
    const tokens = withLogprobs(ids, told);
    const timings = asObject(body['timings']);
    const usage: Usage = {
      promptTokens: asNumber(body['tokens_evaluated']),
      cachedTokens: asNumber(timings?.['cache_n']),
    };
    this.#promptTokens += usage.promptTokens ?? 0;
    this.#generatedTokens += ids.length;
    return {
      tokens,
      finish: asString(body['stop_type']) === 'limit' ? 'length' : 'stop',
      usage,
      totalMs: reply.ms,
      request: reply.request,
    };
  }

  async render(request: ChatRequest, signal: AbortSignal): Promise<Rendered> {
    if (request.route !== undefined) {
      const { ids, request: asked } = await this.#routes.render(request.route, request, signal);
      return { ids, text: undefined, source: 'server', requests: [asked] };
    }
    const applied = await this.#http.json('POST', '/apply-template', templateBody(request), signal);
    const text = asString(asObject(applied.body)?.['prompt']);
    if (text === undefined)
      throw new SeamstressError('target', '/apply-template answered without a prompt');
    return {
      ids: await this.#rendered.get(text, () => this.#tokenize(text, signal)),
      text,
      source: 'server',
      requests: [applied.request, this.#http.request('POST', '/tokenize', tokenizeBody(text))],
    };
  }

  async encode(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return await this.#encoded.get(text, () => this.#tokenize(text, signal));
  }

  async #tokenize(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return await this.#texts.get({ text, signal });
  }

  async #tokenizeAll(asked: readonly Text[]): Promise<readonly (readonly number[])[]> {
    const [first] = asked;
    if (first === undefined) return [];
    const content =
      asked.length === 1
        ? first.text
        : asked.flatMap(({ text }, i) => (i === 0 ? [text] : [BETWEEN, text]));
    const ids = readTokens(
      (await this.#http.json('POST', '/tokenize', tokenizeBody(content), first.signal)).body,
    );
    const lists = asked.length === 1 ? [ids] : apart(ids);
    if (lists.length !== asked.length)
      throw new SeamstressError('target', '/tokenize answered for another number of texts');
    return lists;
  }

  async encodePlain(text: string, signal: AbortSignal): Promise<readonly TokenEvent[]> {
    const body = { ...tokenizeBody(text), parse_special: false, with_pieces: true };
    const reply = await this.#http.json('POST', '/tokenize', body, signal);
    return asArray(asObject(reply.body)?.['tokens']).map(readPiece);
  }

  async close(): Promise<void> {
    await this.#http.close();
  }
}

function templateBody(request: ChatRequest): JsonObject {
  return {
    messages: openaiMessages(request, REASONING_FIELD),
    ...(request.tools.length > 0 ? { tools: openaiTools(request.tools) } : {}),
    ...openaiConstraints(request),
    ...(request.thinking === undefined
      ? {}
      : { chat_template_kwargs: { enable_thinking: request.thinking } }),
    ...(request.prefill !== undefined && request.flags === true
      ? { continue_final_message: true, add_generation_prompt: false }
      : {}),
  };
}

function chatBody(request: ChatRequest, sampling: SamplingOptions): JsonObject {
  return {
    ...templateBody(request),
    temperature: 0,
    max_tokens: sampling.maxTokens,
    ...(sampling.stop === undefined ? {} : { stop: sampling.stop }),
    stream: true,
    stream_options: { include_usage: true },
    timings_per_token: true,
    cache_prompt: sampling.cache === 'warm',
    ...(request.tools.length === 0
      ? { logprobs: true, top_logprobs: Math.max(1, sampling.top) }
      : {}),
  };
}

function completionBody(prompt: readonly number[], sampling: SamplingOptions): JsonObject {
  return {
    prompt,
    temperature: 0,
    n_predict: sampling.maxTokens,
    ...(sampling.stop === undefined ? {} : { stop: sampling.stop }),
    stream: false,
    return_tokens: true,
    n_probs: Math.max(1, sampling.top),
    cache_prompt: sampling.cache === 'warm',
  };
}
