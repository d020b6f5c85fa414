/** vLLM, once it is known how it tells its prompts. */
import { SeamstressError } from '../errors.ts';
import type { ServedModel } from './acquaint.ts';
import { streamedAnswer, wholeAnswer } from './answer.ts';
import { CacheKeys } from './cache-keys.ts';
import { ChatPrompts, type PromptOracle } from './chat-prompts.ts';
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
import { asArray, asIds, asObject, asString, type JsonObject } from './json.ts';
import { CHAT_PATH } from './openai.ts';
import { Routes } from './route.ts';
import { ServedTokenizer, tokenizerOf } from './served-tokenizer.ts';
import { TOKENIZE } from './vllm-oracle.ts';
import { readUsage } from './usage.ts';
import { readWholeChat, VllmReading } from './vllm-stream.ts';
import { readCompletionTokens } from './vllm-tokens.ts';
import type { Vocabulary } from './vocabulary.ts';

/** What a target is made of. */
interface VllmParts extends Omit<IdTargetParts<ServedTokenizer>, 'tokenizer'> {
  readonly model: ServedModel;
  /** Undefined to learn it from the server. */
  readonly vocabulary: Vocabulary | undefined;
  readonly oracle: PromptOracle;
}

const TOKENIZER = { tokenize: TOKENIZE, detokenize: '/detokenize', text: 'prompt' };

export class VllmTarget extends IdTarget<ServedTokenizer> {
  readonly sharedCache = true;
  readonly #model: ServedModel;
  readonly #oracle: PromptOracle;
  readonly #prompts: ChatPrompts;
  readonly #routes: Routes;
  readonly #salts = new CacheKeys();

  constructor({ model, vocabulary, oracle, ...parts }: VllmParts) {
    const remote = tokenizerOf(parts.http, model.id, TOKENIZER);
    super({ ...parts, tokenizer: new ServedTokenizer(remote, vocabulary) });
    this.#model = model;
    this.#oracle = oracle;
    this.#prompts = new ChatPrompts(this.http, oracle, this.spent);
    this.#routes = new Routes(this.http, (cache) => ({
      model: model.id,
      cache_salt: this.#salts.of(cache),
    }));
  }

  async chat(request: ChatRequest, sampling: SamplingOptions, read: ReadOptions): Promise<Answer> {
    if (request.route !== undefined)
      return this.spent.counted(await this.#routes.chat(request.route, request, sampling, read));
    const prompt = await this.#prompts.ids(request, read.signal);
    const body = {
      ...this.#oracle.template(request),
      ...this.#samplingBody(sampling, prompt.length),
      logprobs: true,
      top_logprobs: Math.max(1, sampling.top),
    };
    if (request.whole === true)
      return this.spent.counted(await this.#whole(body, prompt, read.signal));
    const asked = { ...body, stream: true, stream_options: { include_usage: true } };
    const reading = new VllmReading(prompt);
    const reply = await this.http.stream(CHAT_PATH, asked, {
      signal: read.signal,
      maxEvents: mostEvents(sampling.maxTokens),
      onData: (data) => reading.hear(data, read.stopWhen),
    });
    this.spent.add(reading.usage.promptTokens ?? prompt.length, reading.generated);
    await this.tokenizer.spell(reading.tokens, reading.ended, read.signal);
    return streamedAnswer(reply, reading, reading.garbled ?? reply.end);
  }

  /** An answer in one piece. */
  async #whole(body: JsonObject, prompt: readonly number[], signal: AbortSignal): Promise<Answer> {
    const reply = await this.http.json('POST', CHAT_PATH, body, signal);
    const read = readWholeChat(asObject(reply.body) ?? {}, prompt);
    await this.tokenizer.spell(read.tokens, read.ended, signal);
    return wholeAnswer(reply, read);
  }

  async complete(
    prompt: readonly number[],
    sampling: SamplingOptions,
    signal: AbortSignal,
  ): Promise<Completion> {
    const body = {
      model: this.#model.id,
      prompt,
      ...this.#samplingBody(sampling, prompt.length),
      ...(sampling.top === 0 ? {} : { logprobs: sampling.top }),
    };
    const reply = await this.http.json('POST', '/v1/completions', body, signal);
    const answer = asObject(reply.body) ?? {};
    const choice = asObject(asArray(answer['choices'])[0]) ?? {};
    const ids = asIds(choice['token_ids']);
    if (ids === undefined)
      throw new SeamstressError('target', '/v1/completions answered without token ids', {
        hint: 'vLLM knows return_token_ids from 0.10.2 on; a gateway in between may drop it.',
      });
    const finish = asString(choice['finish_reason']);
    const ended = finish === 'stop' && typeof choice['stop_reason'] !== 'string';
    const usage = readUsage(answer);
    this.spent.add(usage.promptTokens ?? prompt.length, ids.length);
    return {
      tokens: await this.tokenizer.spell(readCompletionTokens(ids, choice), ended, signal),
      finish,
      usage,
      totalMs: reply.ms,
      request: reply.request,
    };
  }

  async render(request: ChatRequest, signal: AbortSignal): Promise<Rendered> {
    if (request.route === undefined)
      return await this.#prompts.rendered(request, this.tokenizer, signal);
    const { ids, request: asked } = await this.#routes.render(request.route, request, signal);
    const text = await this.tokenizer.text(ids, signal);
    return { ids, text, source: 'server', requests: [asked] };
  }

  #samplingBody(sampling: SamplingOptions, promptTokens: number): JsonObject {
    const { context } = this.#model;
    // vLLM refuses a limit that the context cannot hold.
    const room = context === undefined ? Infinity : Math.max(1, context - promptTokens);
    return {
      temperature: 0,
      max_tokens: Math.min(sampling.maxTokens, room),
      ...(sampling.stop === undefined ? {} : { stop: sampling.stop }),
      return_token_ids: true,
      return_tokens_as_token_ids: true,
      cache_salt: this.#salts.of(sampling.cache),
    };
  }
}
