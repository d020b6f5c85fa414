/**
 * SGLang, by ids.
 *
 * - The prompt oracle is `/v1/tokenize` with messages, which goes the very way of a chat up to the
 *   model. Where a version does not read messages there, a chat for one token tells its prompt
 *   (`return_prompt_token_ids`).
 * - The control is the native `/generate` with `input_ids`: it tells every id, with candidates.
 * - A chat stream tells how many tokens stand behind each chunk (`continuous_usage_stats`), and all
 *   its ids in an event of its own when it ends (`sglext`). A stream that is cut tells none, and
 *   older servers never do; the hidden ids are then those of the control.
 */
import { randomUUID } from 'node:crypto';
import { SeamstressError } from '../errors.ts';
import { bestFirst, packed } from '../seam/candidates.ts';
import type { Delta, TokenEvent } from '../seam/generation.ts';
import type { StreamEnd } from '../wire/end.ts';
import type { HttpClient } from '../wire/http.ts';
import type { ServedModel } from './acquaint.ts';
import type {
  Answer,
  ChatRequest,
  Completion,
  PlacedToken,
  ReadOptions,
  Rendered,
  SamplingOptions,
  SentRequest,
  Spending,
  Target,
  TargetIdentity,
  Usage,
} from './dialect.ts';
import { mostEvents } from './endless.ts';
import {
  asArray,
  asIds,
  asNumber,
  asObject,
  asString,
  parseEvent,
  type JsonObject,
} from './json.ts';
import { Memo } from './memo.ts';
import {
  deltaOf,
  openaiConstraints,
  openaiMessages,
  openaiTools,
  readChatChunk,
} from './openai.ts';
import { remoteVocabulary, type Vocabulary } from './vocabulary.ts';

/** How the ids of a prompt are learned. */
export interface PromptOracle {
  /** Who tells the prompt of a chat: the tokenizer's endpoint, or a chat for one token. */
  readonly by: 'tokenize' | 'chat';
  /** What the server puts before the ids of every text, as `<s>`; it is taken off. */
  readonly before: readonly number[];
}

/** What a target is made of. */
interface SglangParts {
  readonly http: HttpClient;
  readonly identity: TargetIdentity;
  readonly model: ServedModel;
  readonly chatTemplate: string | undefined;
  /** Undefined to learn it from the server. */
  readonly vocabulary: Vocabulary | undefined;
  readonly oracle: PromptOracle;
}

const TOKENIZE = '/v1/tokenize';
const CHAT = '/v1/chat/completions';

/** Makes a chat tell its prompt at the least cost. */
export const ONE_TOKEN: JsonObject = {
  max_tokens: 1,
  temperature: 0,
  stream: false,
  return_prompt_token_ids: true,
};

const NO_BYTES = new Uint8Array();

export class SglangTarget implements Target {
  readonly identity: TargetIdentity;
  readonly chatTemplate: string | undefined;
  readonly #http: HttpClient;
  readonly #model: ServedModel;
  readonly #vocabulary: Vocabulary;
  readonly #oracle: PromptOracle;
  readonly #encoded = new Memo<readonly number[]>(20_000);
  readonly #rendered = new Memo<readonly number[]>(20_000);
  /** Requests with the same key share the prefix cache; no others do. */
  readonly #key = randomUUID();
  #colds = 0;
  #promptTokens = 0;
  #generatedTokens = 0;

  constructor(parts: SglangParts) {
    this.identity = parts.identity;
    this.chatTemplate = parts.chatTemplate;
    this.#http = parts.http;
    this.#model = parts.model;
    this.#oracle = parts.oracle;
    this.#vocabulary =
      parts.vocabulary ??
      remoteVocabulary({
        encode: (text, signal) => this.encode(text, signal),
        decode: (ids, signal) => this.#detokenize(ids, signal),
      });
  }

  get spending(): Spending {
    return {
      requests: this.#http.requests,
      promptTokens: this.#promptTokens,
      generatedTokens: this.#generatedTokens,
    };
  }

  async chat(request: ChatRequest, sampling: SamplingOptions, read: ReadOptions): Promise<Answer> {
    const prompt = await this.#promptOf(request, read.signal);
    const heard = new Heard();
    const reply = await this.#http.stream(CHAT, this.#chatBody(request, sampling, prompt.length), {
      signal: read.signal,
      maxEvents: mostEvents(sampling.maxTokens),
      onData: (data) => heard.hear(data) || read.stopWhen?.(heard) === true,
    });
    requireSamePrompt(prompt, heard);
    const { usage, finish, stoppedBy } = heard;
    const ended = finish !== undefined && finish !== 'length' && typeof stoppedBy !== 'string';
    this.#promptTokens += usage.promptTokens ?? prompt.length;
    this.#generatedTokens += heard.generated;
    return {
      deltas: heard.deltas.map((delta) => ({
        ...delta,
        after: Math.min(delta.after, heard.generated),
      })),
      tokens: await this.#withBytes(heard.tokens, ended, read.signal),
      generated: heard.generated,
      finish,
      end: heard.broken ?? reply.end,
      usage,
      timing: { firstEventMs: reply.firstEventMs, totalMs: reply.totalMs },
      capture: reply.capture,
      request: reply.request,
    };
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
      extra_key: this.#cacheKey(sampling),
    };
    const reply = await this.#http.json('POST', '/generate', body, signal);
    const told = continuation(reply.body);
    if (told === undefined)
      throw new SeamstressError('target', '/generate answered without token ids', {
        hint: 'A gateway in between may drop output_ids and meta_info.',
      });
    this.#promptTokens += told.usage.promptTokens ?? prompt.length;
    this.#generatedTokens += told.tokens.length;
    return {
      tokens: await this.#withBytes(told.tokens, told.ended, signal),
      finish: told.finish,
      usage: told.usage,
      totalMs: reply.ms,
      request: reply.request,
    };
  }

  async render(request: ChatRequest, signal: AbortSignal): Promise<Rendered> {
    const ids = await this.#promptOf(request, signal);
    return {
      ids,
      text: await this.#vocabulary.text(ids, signal),
      source: 'server',
      requests: [this.#oracleRequest(request)],
    };
  }

  async encode(text: string, signal: AbortSignal): Promise<readonly number[]> {
    if (text === '') return [];
    return await this.#encoded.get(text, async () => {
      const body = { model: this.#model.id, prompt: text, add_special_tokens: false };
      const ids = tokensOf((await this.#http.json('POST', TOKENIZE, body, signal)).body);
      return ids.slice(this.#oracle.before.length);
    });
  }

  async encodePlain(text: string, signal: AbortSignal): Promise<readonly TokenEvent[]> {
    const ids = await this.#vocabulary.encodePlain(text, signal);
    return await this.#withBytes(
      ids.map((id) => ({ id, bytes: NO_BYTES })),
      false,
      signal,
    );
  }

  async close(): Promise<void> {
    await this.#http.close();
  }

  #oracleRequest(request: ChatRequest): SentRequest {
    const tokenizes = this.#oracle.by === 'tokenize';
    const body = { ...templateBody(this.#model.id, request), ...(tokenizes ? {} : ONE_TOKEN) };
    return this.#http.request('POST', tokenizes ? TOKENIZE : CHAT, body);
  }

  async #promptOf(request: ChatRequest, signal: AbortSignal): Promise<readonly number[]> {
    const { body } = this.#oracleRequest(request);
    return await this.#rendered.get(JSON.stringify(body), async () => {
      if (this.#oracle.by === 'tokenize')
        return tokensOf((await this.#http.json('POST', TOKENIZE, body, signal)).body);
      const ids = chatIds((await this.#http.json('POST', CHAT, body, signal)).body);
      if (ids === undefined)
        throw new SeamstressError('target', 'a chat answer lacks the prompt_token_ids');
      this.#promptTokens += ids.length;
      this.#generatedTokens++;
      return ids;
    });
  }

  #chatBody(request: ChatRequest, sampling: SamplingOptions, promptTokens: number): JsonObject {
    return {
      ...templateBody(this.#model.id, request),
      ...GREEDY,
      max_tokens: this.#room(sampling.maxTokens, promptTokens),
      ...(sampling.stop === undefined ? {} : { stop: sampling.stop }),
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true },
      return_input_ids_in_sglext: true,
      return_output_ids_in_sglext: true,
      extra_key: this.#cacheKey(sampling),
    };
  }

  /** A limit that the context cannot hold is refused. */
  #room(maxTokens: number, promptTokens: number): number {
    const { context = Infinity } = this.#model;
    return Math.max(1, Math.min(maxTokens, context - promptTokens));
  }

  #cacheKey({ cache }: SamplingOptions): string {
    return cache === 'warm' ? this.#key : `${this.#key}-${this.#colds++}`;
  }

  async #detokenize(ids: readonly number[], signal: AbortSignal): Promise<string> {
    const body = { model: this.#model.id, tokens: ids, skip_special_tokens: false };
    const reply = await this.#http.json('POST', '/v1/detokenize', body, signal);
    const text = asString(asObject(reply.body)?.['text']);
    if (text === undefined)
      throw new SeamstressError('target', '/v1/detokenize answered without a text');
    return text;
  }

  /** @param ended the last token ended the generation; servers do not print it */
  async #withBytes<T extends TokenEvent>(
    tokens: readonly T[],
    ended: boolean,
    signal: AbortSignal,
  ): Promise<T[]> {
    const printed = ended ? tokens.slice(0, -1) : tokens;
    const bytes = await this.#vocabulary.bytes(
      printed.map(({ id }) => id),
      signal,
    );
    return tokens.map((token, i) => ({ ...token, bytes: bytes[i] ?? NO_BYTES }));
  }
}

/** What has been heard of a chat stream; also its progress, for those who want to stop it. */
class Heard {
  readonly deltas: Delta[] = [];
  /** All at once, when the stream ends; none before. */
  tokens: readonly PlacedToken[] = [];
  generated = 0;
  finish: string | undefined;
  /** The string or the id that ended the generation. */
  stoppedBy: unknown;
  usage: Usage = { promptTokens: undefined, cachedTokens: undefined };
  promptIds: readonly number[] | undefined;
  broken: StreamEnd | undefined;

  /** Reads one event; true when nothing more need be read, since it is no JSON object. */
  hear(data: string): boolean {
    const chunk = parseEvent(data);
    if (chunk === undefined) {
      const detail = `an event is not a JSON object: ${data.slice(0, 80)}`;
      this.broken = { kind: 'garbled', detail };
      return true;
    }
    const counted = this.#count(chunk);
    const told = asObject(chunk['sglext']);
    this.promptIds = asIds(told?.['input_ids']) ?? this.promptIds;
    const ids = asIds(asArray(told?.['output_ids'])[0]);
    if (ids !== undefined) {
      this.tokens = ids.map((id, i) => ({ id, bytes: NO_BYTES, place: i + 1 }));
      this.generated = ids.length;
    }
    const message = readChatChunk(chunk);
    if (message === undefined) return false;
    this.finish = message.finish ?? this.finish;
    this.stoppedBy = asObject(asArray(chunk['choices'])[0])?.['matched_stop'] ?? this.stoppedBy;
    const adds = deltaOf(message, this.generated);
    if (adds === undefined) return false;
    // A server that does not count sends a chunk a token, or nearly so; its last count puts it right.
    const delta = counted ? adds : { ...adds, after: ++this.generated };
    this.deltas.push(delta);
    return false;
  }

  /** Takes the counts of a chunk; false when it has none. */
  #count(chunk: JsonObject): boolean {
    const stated = asObject(chunk['usage']);
    const generated = asNumber(stated?.['completion_tokens']);
    if (stated === undefined || generated === undefined) return false;
    const details = asObject(stated['prompt_tokens_details']);
    this.usage = {
      promptTokens: asNumber(stated['prompt_tokens']) ?? this.usage.promptTokens,
      cachedTokens: asNumber(details?.['cached_tokens']) ?? this.usage.cachedTokens,
    };
    this.generated = generated;
    return true;
  }
}

/** A model's own generation settings hold for chats and not for `/generate`: one that changes greedy tokens is set. */
const GREEDY: JsonObject = { temperature: 0, repetition_penalty: 1 };

/** The part of a chat request that the prompt is made of. */
export function templateBody(model: string, request: ChatRequest): JsonObject {
  return {
    model,
    messages: openaiMessages(request, 'reasoning_content'),
    ...(request.tools.length > 0 ? { tools: openaiTools(request.tools) } : {}),
    ...openaiConstraints(request),
    ...(request.thinking === undefined
      ? {}
      : { chat_template_kwargs: { enable_thinking: request.thinking } }),
    ...(request.prefill !== undefined && request.flags === true
      ? { continue_final_message: true }
      : {}),
  };
}

/**
 * The ids of an answer of `/v1/tokenize`.
 *
 * @throws {SeamstressError} `target` when there are none
 */
export function tokensOf(body: unknown): readonly number[] {
  const ids = promptIds(body);
  if (ids === undefined)
    throw new SeamstressError('target', '/v1/tokenize answered without a list of token ids');
  return ids;
}

/** The ids of an answer of `/v1/tokenize`; undefined when there are none. */
export function promptIds(body: unknown): readonly number[] | undefined {
  return asIds(asObject(body)?.['tokens']);
}

/** The ids of the prompt that a whole chat answer tells. */
export function chatIds(body: unknown): readonly number[] | undefined {
  return asIds(asObject(asArray(asObject(body)?.['choices'])[0])?.['prompt_token_ids']);
}

/** What `/generate` tells; undefined when its answer has no ids. */
export function continuation(body: unknown):
  | {
      readonly tokens: readonly TokenEvent[];
      readonly finish: string | undefined;
      /** The last token ended the generation. */
      readonly ended: boolean;
      readonly usage: Usage;
    }
  | undefined {
  const answer = asObject(body);
  const meta = asObject(answer?.['meta_info']);
  const own = asArray(meta?.['output_token_logprobs']).map(readTuple);
  const ids =
    asIds(answer?.['output_ids']) ??
    (own.length === 0 ? undefined : asIds(own.map((one) => one?.id)));
  if (ids === undefined || meta === undefined) return undefined;
  const tops = asArray(meta['output_top_logprobs']);
  const reason = asObject(meta['finish_reason']);
  const finish = asString(reason?.['type']);
  return {
    tokens: ids.map((id, i) => {
      const entry = own[i]?.id === id ? own[i] : undefined;
      const top = asArray(tops[i]).flatMap((one) => readTuple(one) ?? []);
      return {
        id,
        bytes: NO_BYTES,
        ...(entry === undefined ? {} : { logprob: entry.logprob }),
        ...(top.length === 0 ? {} : { top: bestFirst(packed(top)) }),
      };
    }),
    finish,
    ended: finish === 'stop' && typeof reason?.['matched'] !== 'string',
    usage: {
      promptTokens: asNumber(meta['prompt_tokens']),
      cachedTokens: asNumber(meta['cached_tokens']),
    },
  };
}

/** `[log-probability, id, text]`; the text is `null` where it was not asked for. */
function readTuple(value: unknown): { id: number; logprob: number } | undefined {
  const [logprob, id] = asArray(value).map(asNumber);
  return id === undefined || logprob === undefined ? undefined : { id, logprob };
}

/**
 * A chat must have had the prompt that was told for it.
 *
 * @throws {SeamstressError} `target` when it had another one
 */
function requireSamePrompt(
  rendered: readonly number[],
  { promptIds: seen, usage }: Pick<Heard, 'promptIds' | 'usage'>,
): void {
  const same =
    seen === undefined
      ? (usage.promptTokens ?? rendered.length) === rendered.length
      : seen.join() === rendered.join();
  if (same) return;
  throw new SeamstressError(
    'target',
    'the prompt of a chat answer is not the one that the server told for the same messages',
    { hint: 'The prompt check cannot be trusted for such requests on this server.' },
  );
}
