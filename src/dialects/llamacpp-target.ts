/**
 * llama.cpp's server. With tools it refuses log-probabilities in a stream, so that no ids are seen
 * there.
 */
import { SeamstressError } from '../errors.ts';
import type { TokenEvent } from '../seam/generation.ts';
import type { HttpClient } from '../wire/http.ts';
import { wholeAnswer } from './answer.ts';
import type {
  Answer,
  ChatRequest,
  Completion,
  ReadOptions,
  Rendered,
  SamplingOptions,
  Spending,
  Target,
  TargetIdentity,
} from './dialect.ts';
import { mostEvents } from './endless.ts';
import { asNumber, asObject, asString, type JsonObject } from './json.ts';
import { completionBody, readCompletion } from './llamacpp-completion.ts';
import { Conversations, replayed } from './llamacpp-replay.ts';
import { LlamacppReading, readUsage } from './llamacpp-stream.ts';
import { LlamacppTokenizer, TOKENIZE, tokenizeBody } from './llamacpp-tokenizer.ts';
import { CHAT_PATH, deltaOf, placedToken, readWhole } from './openai.ts';
import { Routes } from './route.ts';
import { Spent } from './spent.ts';
import { templateBody } from './template-body.ts';

const REASONING_FIELD = 'reasoning_content';

/** What a target is made of. */
interface LlamacppParts {
  readonly http: HttpClient;
  readonly identity: TargetIdentity;
  readonly chatTemplate: string;
  /** Texts that the server tokenizes in one request at most. */
  readonly texts: number;
}

export class LlamacppTarget implements Target {
  readonly identity: TargetIdentity;
  readonly chatTemplate: string;
  readonly #http: HttpClient;
  readonly #spent: Spent;
  readonly #tokenizer: LlamacppTokenizer;
  readonly #routes: Routes;
  readonly #conversations = new Conversations();

  constructor({ http, identity, chatTemplate, texts }: LlamacppParts) {
    this.identity = identity;
    this.chatTemplate = chatTemplate;
    this.#http = http;
    this.#spent = new Spent(http);
    this.#tokenizer = new LlamacppTokenizer(http, texts);
    this.#routes = new Routes(http, (cache) => ({ cache_prompt: cache === 'warm' }));
  }

  get spending(): Spending {
    return this.#spent.soFar;
  }

  async chat(request: ChatRequest, sampling: SamplingOptions, read: ReadOptions): Promise<Answer> {
    return this.#spent.counted(await this.#asked(request, sampling, read));
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
    return wholeAnswer(reply, {
      deltas: delta === undefined ? [] : [delta],
      tokens: told.length === generated ? told.map((token, i) => placedToken(token, i + 1)) : [],
      generated,
      finish: message?.finish,
      usage: readUsage(stated, asObject(answer['timings'])),
    });
  }

  async complete(
    prompt: readonly number[],
    sampling: SamplingOptions,
    signal: AbortSignal,
  ): Promise<Completion> {
    const body = completionBody(prompt, sampling);
    const reply = await this.#http.json('POST', '/completion', body, signal);
    const { tokens, finish, usage } = readCompletion(reply.body);
    this.#spent.add(usage.promptTokens, tokens.length);
    return { tokens, finish, usage, totalMs: reply.ms, request: reply.request };
  }

  async render(request: ChatRequest, signal: AbortSignal): Promise<Rendered> {
    if (request.route !== undefined) {
      const { ids, request: asked } = await this.#routes.render(request.route, request, signal);
      return { ids, text: undefined, source: 'server', requests: [asked] };
    }
    const body = templateBody(request, REASONING_FIELD);
    const applied = await this.#http.json('POST', '/apply-template', body, signal);
    const text = asString(asObject(applied.body)?.['prompt']);
    if (text === undefined)
      throw new SeamstressError('target', '/apply-template answered without a prompt');
    return {
      ids: await this.#tokenizer.encodeRendered(text, signal),
      text,
      source: 'server',
      requests: [applied.request, this.#http.request('POST', TOKENIZE, tokenizeBody(text))],
    };
  }

  async encode(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return await this.#tokenizer.encode(text, signal);
  }

  async encodePlain(text: string, signal: AbortSignal): Promise<readonly TokenEvent[]> {
    return await this.#tokenizer.encodePlain(text, signal);
  }

  async close(): Promise<void> {
    await this.#http.close();
  }
}

function chatBody(request: ChatRequest, sampling: SamplingOptions): JsonObject {
  return {
    ...templateBody(request, REASONING_FIELD),
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
