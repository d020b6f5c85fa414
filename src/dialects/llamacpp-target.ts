/**
 * llama.cpp's server. With tools it refuses log-probabilities in a stream, so that no ids are seen
 * there.
 */
import { SeamstressError } from '../errors.ts';
import { wholeAnswer } from './answer.ts';
import type {
  Answer,
  ChatRequest,
  Completion,
  ReadOptions,
  Rendered,
  SamplingOptions,
} from './dialect.ts';
import { mostEvents } from './endless.ts';
import { IdTarget, type IdTargetParts } from './id-target.ts';
import { asNumber, asObject, asString, type JsonObject } from './json.ts';
import { completionBody, readCompletion } from './llamacpp-completion.ts';
import { Conversations, replayed } from './llamacpp-replay.ts';
import { LlamacppReading, readUsage } from './llamacpp-stream.ts';
import { TOKENIZE, tokenizeBody, type LlamacppTokenizer } from './llamacpp-tokenizer.ts';
import { CHAT_PATH, deltaOf, placedToken, readWhole } from './openai.ts';
import { Routes } from './route.ts';
import { templateBody } from './template-body.ts';

const REASONING_FIELD = 'reasoning_content';

export class LlamacppTarget extends IdTarget<LlamacppTokenizer> {
  readonly #routes: Routes;
  readonly #conversations = new Conversations();

  constructor(parts: IdTargetParts<LlamacppTokenizer>) {
    super(parts);
    this.#routes = new Routes(this.http, (cache) => ({ cache_prompt: cache === 'warm' }));
  }

  async chat(request: ChatRequest, sampling: SamplingOptions, read: ReadOptions): Promise<Answer> {
    return this.spent.counted(await this.#asked(request, sampling, read));
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
      const answer = await replayed(this.http, conversation, asked, read);
      this.#conversations.give(conversation);
      return answer;
    }
    const reading = new LlamacppReading();
    const reply = await this.http.stream(CHAT_PATH, body, {
      signal: read.signal,
      maxEvents,
      onData: (data) => reading.hear(data, read.stopWhen),
    });
    return reading.answer(reply);
  }

  /** An answer in one piece. Its tokens are placed only where all of them are told. */
  async #whole(body: JsonObject, signal: AbortSignal): Promise<Answer> {
    const asked = { ...body, stream: false, stream_options: undefined };
    const reply = await this.http.json('POST', CHAT_PATH, asked, signal);
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
    const reply = await this.http.json('POST', '/completion', body, signal);
    const { tokens, finish, usage } = readCompletion(reply.body);
    this.spent.add(usage.promptTokens, tokens.length);
    return { tokens, finish, usage, totalMs: reply.ms, request: reply.request };
  }

  async render(request: ChatRequest, signal: AbortSignal): Promise<Rendered> {
    if (request.route !== undefined) {
      const { ids, request: asked } = await this.#routes.render(request.route, request, signal);
      return { ids, text: undefined, source: 'server', requests: [asked] };
    }
    const body = templateBody(request, REASONING_FIELD);
    const applied = await this.http.json('POST', '/apply-template', body, signal);
    const text = asString(asObject(applied.body)?.['prompt']);
    if (text === undefined)
      throw new SeamstressError('target', '/apply-template answered without a prompt');
    return {
      ids: await this.tokenizer.encodeRendered(text, signal),
      text,
      source: 'server',
      requests: [applied.request, this.http.request('POST', TOKENIZE, tokenizeBody(text))],
    };
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
