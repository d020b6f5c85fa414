/**
 * SGLang, by ids. The control is the native `/generate`; ids that a chat stream does not tell are
 * those of the control.
 */
import { SeamstressError } from '../errors.ts';
import type { HttpClient } from '../wire/http.ts';
import type { ServedModel } from './acquaint.ts';
import { streamedAnswer } from './answer.ts';
import { CacheKeys } from './cache-keys.ts';
import { ChatPrompts } from './chat-prompts.ts';
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
import type { JsonObject } from './json.ts';
import { CHAT_PATH } from './openai.ts';
import { ServedTokenizer, tokenizerOf } from './served-tokenizer.ts';
import { continuation, GENERATE } from './sglang-generate.ts';
import { TOKENIZE, type SglangOracle } from './sglang-oracle.ts';
import { SglangReading } from './sglang-stream.ts';
import type { RemoteTokenizer, Vocabulary } from './vocabulary.ts';

/** What a target is made of. */
interface SglangParts extends Omit<IdTargetParts<ServedTokenizer>, 'tokenizer'> {
  readonly model: ServedModel;
  /** Undefined to learn it from the server. */
  readonly vocabulary: Vocabulary | undefined;
  readonly oracle: SglangOracle;
}

/** A model's own generation settings hold for chats and not for `/generate`: one that changes greedy tokens is set. */
const GREEDY: JsonObject = { temperature: 0, repetition_penalty: 1 };

export class SglangTarget extends IdTarget<ServedTokenizer> {
  readonly #model: ServedModel;
  readonly #oracle: SglangOracle;
  readonly #prompts: ChatPrompts;
  readonly #keys = new CacheKeys();

  constructor({ model, vocabulary, oracle, ...parts }: SglangParts) {
    const remote = remoteTokenizer(parts.http, model.id, oracle);
    super({ ...parts, tokenizer: new ServedTokenizer(remote, vocabulary) });
    this.#model = model;
    this.#oracle = oracle;
    this.#prompts = new ChatPrompts(this.http, oracle, this.spent);
  }

  async chat(request: ChatRequest, sampling: SamplingOptions, read: ReadOptions): Promise<Answer> {
    const prompt = await this.#prompts.ids(request, read.signal);
    const reading = new SglangReading();
    const body = this.#chatBody(request, sampling, prompt.length);
    const reply = await this.http.stream(CHAT_PATH, body, {
      signal: read.signal,
      maxEvents: mostEvents(sampling.maxTokens),
      onData: (data) => reading.hear(data) || read.stopWhen?.(reading) === true,
    });
    const told = reading.read(prompt);
    this.spent.add(told.usage.promptTokens ?? prompt.length, told.generated);
    await this.tokenizer.spell(reading.tokens, reading.ended, read.signal);
    return streamedAnswer(reply, told, reading.broken ?? reply.end);
  }

  async complete(
    prompt: readonly number[],
    sampling: SamplingOptions,
    signal: AbortSignal,
  ): Promise<Completion> {
    const body = {
      input_ids: prompt,
      sampling_params: {
        ...GREEDY,
        max_new_tokens: this.#room(sampling.maxTokens, prompt.length),
        ...(sampling.stop === undefined ? {} : { stop: sampling.stop }),
      },
      return_logprob: true,
      // Of the prompt nothing is asked.
      logprob_start_len: -1,
      top_logprobs_num: Math.max(1, sampling.top),
      stream: false,
      extra_key: this.#keys.of(sampling.cache),
    };
    const reply = await this.http.json('POST', GENERATE, body, signal);
    const told = continuation(reply.body);
    if (told === undefined)
      throw new SeamstressError('target', '/generate answered without token ids', {
        hint: 'A gateway in between may drop output_ids and meta_info.',
      });
    this.spent.add(told.usage.promptTokens ?? prompt.length, told.tokens.length);
    return {
      tokens: await this.tokenizer.spell(told.tokens, told.ended, signal),
      finish: told.finish,
      usage: told.usage,
      totalMs: reply.ms,
      request: reply.request,
    };
  }

  async render(request: ChatRequest, signal: AbortSignal): Promise<Rendered> {
    return await this.#prompts.rendered(request, this.tokenizer, signal);
  }

  #chatBody(request: ChatRequest, sampling: SamplingOptions, promptTokens: number): JsonObject {
    return {
      ...this.#oracle.template(request),
      ...GREEDY,
      max_tokens: this.#room(sampling.maxTokens, promptTokens),
      ...(sampling.stop === undefined ? {} : { stop: sampling.stop }),
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true },
      return_input_ids_in_sglext: true,
      return_output_ids_in_sglext: true,
      extra_key: this.#keys.of(sampling.cache),
    };
  }

  /** A limit that the context cannot hold is refused. */
  #room(maxTokens: number, promptTokens: number): number {
    const { context = Infinity } = this.#model;
    return Math.max(1, Math.min(maxTokens, context - promptTokens));
  }
}

function remoteTokenizer(
  http: HttpClient,
  model: string,
  { before }: SglangOracle,
): RemoteTokenizer {
  const server = tokenizerOf(http, model, {
    tokenize: TOKENIZE,
    detokenize: '/v1/detokenize',
    text: 'text',
    more: { skip_special_tokens: false },
  });
  return {
    encode: async (text, signal) =>
      text === '' ? [] : (await server.encode(text, signal)).slice(before.length),
    decode: (ids, signal) => server.decode(ids, signal),
  };
}
