/**
 * vLLM's OpenAI-compatible server.
 *
 * - The prompt oracle is `/tokenize` with messages. It is not always what chat does with the same
 *   messages (0.32 drops `reasoning_content` there, which chat reads), so the first acquaintance
 *   compares the two and every chat stream is held against it; where they differ, the ids come
 *   from a chat request for one token.
 * - `return_token_ids` tells every generated id, hidden ones included.
 * - Servers give the text of a token, not its bytes: those come from the model's tokenizer file,
 *   or else from `/detokenize` (see `vocabulary.ts`).
 */
import { randomUUID } from 'node:crypto';
import { SeamstressError } from '../errors.ts';
import { bestFirst, packed } from '../seam/candidates.ts';
import { idsOf, type Delta, type TokenEvent } from '../seam/generation.ts';
import type { StreamEnd } from '../wire/end.ts';
import { HttpClient } from '../wire/http.ts';
import { mostEvents } from './endless.ts';
import { Refusal } from '../wire/refusal.ts';
import {
  chooseModel,
  httpOptions,
  probe,
  sha256,
  TOKENIZER_PROBE,
  type ServedModel,
} from './acquaint.ts';
import type {
  Answer,
  ChatRequest,
  Completion,
  ConnectOptions,
  Dialect,
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
  placedToken,
  readCandidates,
  readChatChunk,
  tokenEvent,
  readWhole,
} from './openai.ts';
import { Routes } from './route.ts';
import { vocabularyOfFile } from './tokenizer-file.ts';
import { remoteVocabulary, type Vocabulary } from './vocabulary.ts';

const KIND = 'vLLM';

export const vllm: Dialect = {
  name: 'vllm',
  limits: [
    'without the tokenizer file, a token that ends inside a character has no bytes of its own',
    'the chat template is known only of servers that seamstress started',
    'cached prompt tokens are told only with --enable-prompt-tokens-details',
    '/v1/messages and /v1/responses: no ids, and prompts only with --enable-scale-out, else their number of tokens',
  ],
  async recognises(ask) {
    const version = asObject(await ask({ method: 'GET', path: '/version' }))?.['version'];
    if (asString(version) === undefined) return false;
    const body = { prompt: 'a', add_special_tokens: false };
    const reply = asObject(await ask({ method: 'POST', path: '/tokenize', body }));
    return (
      asIds(reply?.['tokens']) !== undefined && asNumber(reply?.['max_model_len']) !== undefined
    );
  },
  connect: connectVllm,
};

async function connectVllm(options: ConnectOptions, signal: AbortSignal): Promise<Target> {
  const http = new HttpClient(httpOptions(options));
  try {
    const said = await probe(http, { kind: KIND, method: 'GET', path: '/version' }, signal);
    const version = asString(asObject(said)?.['version']);
    if (version === undefined)
      throw new SeamstressError('target', `${http.url} is not a vLLM server: /version has none`, {
        hint: 'Give the root URL of a vLLM server.',
      });
    const model = await chooseModel(http, KIND, options.model, signal);
    const body = tokenizeBody(model.id, TOKENIZER_PROBE);
    const probeIds = readTokens(
      await probe(http, { kind: KIND, method: 'POST', path: '/tokenize', body }, signal),
    );
    const vocabulary = await vocabularyOfFile(options, {
      url: http.url,
      root: model.root,
      probeIds,
    });
    const chatTemplate = options.files?.chatTemplate;
    const identity: TargetIdentity = {
      dialect: vllm.name,
      url: http.url,
      model: model.name,
      engine: {
        name: options.engine?.name ?? 'vllm',
        version: options.engine?.version,
        // What a server says of itself, unless it is what is known anyway.
        build: options.engine?.build ?? (options.engine?.version === version ? undefined : version),
      },
      ...(chatTemplate === undefined ? {} : { chatTemplateSha256: sha256(chatTemplate) }),
      tokenizerSha256: sha256(JSON.stringify(probeIds)),
      hops: [],
      ...(options.faults === undefined ? {} : { faults: options.faults }),
    };
    const oracle = await examineOracle(http, model, signal);
    return new VllmTarget(http, identity, model, chatTemplate, vocabulary, oracle);
  } catch (error) {
    await http.close();
    throw error;
  }
}

/** How the prompt of a chat request is learned. */
interface Oracle {
  /** The name of the reasoning field that reaches the template. */
  readonly reasoningField: string;
  /** Whether `/tokenize` renders what chat renders. */
  readonly tokenizeIsChat: boolean;
}

const REASONING_FIELDS = ['reasoning', 'reasoning_content'];

async function examineOracle(
  http: HttpClient,
  model: ServedModel,
  signal: AbortSignal,
): Promise<Oracle> {
  const request: ChatRequest = {
    messages: [{ role: 'user', content: 'Hi' }],
    tools: [],
    thinking: undefined,
    prefill: { content: 'a' },
    flags: true,
  };
  const thinking = { ...request, prefill: { reasoning: 'b', content: 'a' } };
  const ids = async (asked: ChatRequest, field: string): Promise<string> =>
    readTokens(
      (await http.json('POST', '/tokenize', templateBody(model.id, asked, field), signal)).body,
    ).join();
  try {
    const without = await ids(request, REASONING_FIELDS[0]!);
    let reasoningField = REASONING_FIELDS[0]!;
    let rendered = without;
    for (const field of REASONING_FIELDS) {
      const withField = await ids(thinking, field);
      if (withField === without) continue;
      reasoningField = field;
      rendered = withField;
      break;
    }
    const body = { ...templateBody(model.id, thinking, reasoningField), ...ONE_TOKEN };
    const chat = await http.json('POST', '/v1/chat/completions', body, signal);
    const seen = asIds(asObject(chat.body)?.['prompt_token_ids'])?.join();
    return { reasoningField, tokenizeIsChat: seen === undefined || seen === rendered };
  } catch (error) {
    // A template that refuses this very conversation says nothing about others.
    if (!(error instanceof Refusal) || error.status >= 500) throw error;
    return { reasoningField: REASONING_FIELDS[0]!, tokenizeIsChat: true };
  }
}

const ONE_TOKEN: JsonObject = { max_tokens: 1, temperature: 0, return_token_ids: true };

class VllmTarget implements Target {
  readonly identity: TargetIdentity;
  readonly chatTemplate: string | undefined;
  readonly #http: HttpClient;
  readonly #routes: Routes;
  readonly #model: ServedModel;
  readonly #vocabulary: Vocabulary;
  readonly #oracle: Oracle;
  readonly #encoded = new Memo<readonly number[]>(20_000);
  readonly #rendered = new Memo<readonly number[]>(20_000);
  /** Requests with the same salt share the prefix cache; no others do. */
  readonly #salt = randomUUID();
  #colds = 0;
  #promptTokens = 0;
  #generatedTokens = 0;

  constructor(
    http: HttpClient,
    identity: TargetIdentity,
    model: ServedModel,
    chatTemplate: string | undefined,
    vocabulary: Vocabulary | undefined,
    oracle: Oracle,
  ) {
    this.#http = http;
    this.#routes = new Routes(http, (cache) => ({
      model: model.id,
      cache_salt: this.#saltOf(cache),
    }));
    this.identity = identity;
    this.#model = model;
    this.chatTemplate = chatTemplate;
    this.#oracle = oracle;
    this.#vocabulary =
      vocabulary ??
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
    if (request.route !== undefined)
      return this.#counted(await this.#routes.chat(request.route, request, sampling, read));
    if (request.whole === true)
      return this.#counted(await this.#whole(request, sampling, read.signal));
    const prompt = await this.#promptIds(request, read.signal);
    const tokens: PlacedToken[] = [];
    const deltas: Delta[] = [];
    let generated = 0;
    let finish: string | undefined;
    let stoppedBy: unknown;
    let usage: Usage = { promptTokens: undefined, cachedTokens: undefined };
    let garbled: StreamEnd | undefined;
    const body = {
      ...this.#templateBody(request),
      ...this.#samplingBody(sampling, prompt.length),
      logprobs: true,
      top_logprobs: Math.max(1, sampling.top),
      stream: true,
      stream_options: { include_usage: true },
    };
    const reply = await this.#http.stream('/v1/chat/completions', body, {
      signal: read.signal,
      maxEvents: mostEvents(sampling.maxTokens),
      onData: (data) => {
        const chunk = parseEvent(data);
        if (chunk === undefined) {
          garbled = {
            kind: 'garbled',
            detail: `an event is not a JSON object: ${data.slice(0, 80)}`,
          };
          return true;
        }
        requireSamePrompt(prompt, asIds(chunk['prompt_token_ids']));
        usage = readUsage(chunk, usage);
        const message = readChatChunk(chunk);
        if (message === undefined) {
          generated = asNumber(asObject(chunk['usage'])?.['completion_tokens']) ?? generated;
          return false;
        }
        const choice = asObject(asArray(chunk['choices'])[0]) ?? {};
        finish = message.finish ?? finish;
        stoppedBy = choice['stop_reason'] ?? stoppedBy;
        for (const token of readChatTokens(choice)) tokens.push(placedToken(token, ++generated));
        const delta = deltaOf(message, generated);
        if (delta !== undefined) deltas.push(delta);
        return read.stopWhen?.({ generated, tokens, deltas }) === true;
      },
    });
    this.#promptTokens += usage.promptTokens ?? prompt.length;
    this.#generatedTokens += generated;
    const ended = finish !== undefined && finish !== 'length' && typeof stoppedBy !== 'string';
    return {
      deltas,
      tokens: await this.#withBytes(tokens, ended, read.signal),
      generated,
      finish,
      end: garbled ?? reply.end,
      usage,
      timing: { firstEventMs: reply.firstEventMs, totalMs: reply.totalMs },
      capture: reply.capture,
      request: reply.request,
    };
  }

  /** An answer in one piece. */
  async #whole(
    request: ChatRequest,
    sampling: SamplingOptions,
    signal: AbortSignal,
  ): Promise<Answer> {
    const prompt = await this.#promptIds(request, signal);
    const body = {
      ...this.#templateBody(request),
      ...this.#samplingBody(sampling, prompt.length),
      logprobs: true,
      top_logprobs: Math.max(1, sampling.top),
    };
    const reply = await this.#http.json('POST', '/v1/chat/completions', body, signal);
    const answer = asObject(reply.body) ?? {};
    requireSamePrompt(prompt, asIds(answer['prompt_token_ids']));
    const choice = asObject(asArray(answer['choices'])[0]) ?? {};
    const message = readWhole(answer);
    const told = readChatTokens(choice).map((token, i) => placedToken(token, i + 1));
    const stated = asNumber(asObject(answer['usage'])?.['completion_tokens']);
    const generated = stated ?? told.length;
    const finish = message?.finish;
    const stoppedBy = choice['stop_reason'];
    const ended = finish !== undefined && finish !== 'length' && typeof stoppedBy !== 'string';
    const delta = message === undefined ? undefined : deltaOf(message, generated);
    return {
      deltas: delta === undefined ? [] : [delta],
      tokens: await this.#withBytes(told, ended, signal),
      generated,
      finish,
      end: { kind: 'done' },
      usage: readUsage(answer, { promptTokens: prompt.length, cachedTokens: undefined }),
      timing: { firstEventMs: undefined, totalMs: reply.ms },
      capture: [],
      request: reply.request,
    };
  }

  #counted(answer: Answer): Answer {
    this.#promptTokens += answer.usage.promptTokens ?? 0;
    this.#generatedTokens += answer.generated;
    return answer;
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
      logprobs: Math.max(1, sampling.top),
    };
    const reply = await this.#http.json('POST', '/v1/completions', body, signal);
    const answer = asObject(reply.body) ?? {};
    const choice = asObject(asArray(answer['choices'])[0]) ?? {};
    const ids = asIds(choice['token_ids']);
    if (ids === undefined)
      throw new SeamstressError('target', '/v1/completions answered without token ids', {
        hint: 'vLLM knows return_token_ids from 0.10.2 on; a gateway in between may drop it.',
      });
    const finish = asString(choice['finish_reason']);
    const ended = finish === 'stop' && typeof choice['stop_reason'] !== 'string';
    const usage = readUsage(answer, { promptTokens: undefined, cachedTokens: undefined });
    this.#promptTokens += usage.promptTokens ?? prompt.length;
    this.#generatedTokens += ids.length;
    return {
      tokens: await this.#withBytes(readCompletionTokens(ids, choice), ended, signal),
      finish,
      usage,
      totalMs: reply.ms,
      request: reply.request,
    };
  }

  async render(request: ChatRequest, signal: AbortSignal): Promise<Rendered> {
    if (request.route !== undefined) {
      const { ids, request: asked } = await this.#routes.render(request.route, request, signal);
      const text = await this.#vocabulary.text(ids, signal);
      return { ids, text, source: 'server', requests: [asked] };
    }
    const ids = await this.#promptIds(request, signal);
    return {
      ids,
      text: await this.#vocabulary.text(ids, signal),
      source: 'server',
      requests: [this.#oracleRequest(request)],
    };
  }

  async encode(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return await this.#encoded.get(text, async () =>
      readTokens(
        (await this.#http.json('POST', '/tokenize', tokenizeBody(this.#model.id, text), signal))
          .body,
      ),
    );
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
    const { tokenizeIsChat } = this.#oracle;
    const path = tokenizeIsChat ? '/tokenize' : '/v1/chat/completions';
    const body = { ...this.#templateBody(request), ...(tokenizeIsChat ? {} : ONE_TOKEN) };
    return this.#http.request('POST', path, body);
  }

  async #promptIds(request: ChatRequest, signal: AbortSignal): Promise<readonly number[]> {
    const { url, body } = this.#oracleRequest(request);
    return await this.#rendered.get(JSON.stringify(body), async () => {
      const path = url.slice(this.#http.url.length);
      const answer = (await this.#http.json('POST', path, body, signal)).body;
      if (this.#oracle.tokenizeIsChat) return readTokens(answer);
      const ids = asIds(asObject(answer)?.['prompt_token_ids']);
      if (ids === undefined)
        throw new SeamstressError('target', 'a chat answer lacks the prompt_token_ids');
      this.#promptTokens += ids.length;
      this.#generatedTokens++;
      return ids;
    });
  }

  async #detokenize(ids: readonly number[], signal: AbortSignal): Promise<string> {
    const body = { model: this.#model.id, tokens: ids };
    const reply = await this.#http.json('POST', '/detokenize', body, signal);
    const text = asString(asObject(reply.body)?.['prompt']);
    if (text === undefined)
      throw new SeamstressError('target', '/detokenize answered without a text');
    return text;
  }

  /** @param ended the last token ended the generation; servers do not print it */
  async #withBytes<T extends TokenEvent>(
    tokens: T[],
    ended: boolean,
    signal: AbortSignal,
  ): Promise<T[]> {
    const bytes = await this.#vocabulary.bytes(
      idsOf(tokens, 0, tokens.length - (ended ? 1 : 0)),
      signal,
    );
    // They were made here, and nobody else has them yet: a copy of each would cost most of all.
    const unprinted: { bytes: Uint8Array }[] = tokens;
    for (const [i, token] of unprinted.entries()) token.bytes = bytes[i] ?? NO_BYTES;
    return tokens;
  }

  #templateBody(request: ChatRequest): JsonObject {
    return templateBody(this.#model.id, request, this.#oracle.reasoningField);
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
      cache_salt: this.#saltOf(sampling.cache),
    };
  }

  #saltOf(cache: SamplingOptions['cache']): string {
    return cache === 'warm' ? this.#salt : `${this.#salt}-${this.#colds++}`;
  }
}

const NO_BYTES = new Uint8Array();
const PLACEHOLDER = 'token_id:';

function tokenizeBody(model: string, text: string): JsonObject {
  return { model, prompt: text, add_special_tokens: false };
}

function readTokens(body: unknown): readonly number[] {
  const ids = asIds(asObject(body)?.['tokens']);
  if (ids === undefined)
    throw new SeamstressError('target', '/tokenize answered without a list of token ids');
  return ids;
}

function templateBody(model: string, request: ChatRequest, reasoningField: string): JsonObject {
  return {
    model,
    messages: openaiMessages(request, reasoningField),
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

function requireSamePrompt(rendered: readonly number[], seen: readonly number[] | undefined): void {
  if (seen === undefined || seen.join() === rendered.join()) return;
  throw new SeamstressError(
    'target',
    'the prompt of a chat answer is not the one that /tokenize gave for the same messages',
    { hint: 'The prompt check cannot be trusted for such requests on this server.' },
  );
}

/** The ids of a chunk; from the log-probabilities where a gateway has dropped `token_ids`. */
function readChatTokens(choice: JsonObject): TokenEvent[] {
  const told = asArray(asObject(choice['logprobs'])?.['content']);
  const ids =
    asIds(choice['token_ids']) ?? told.flatMap((entry) => placeholder(asObject(entry)) ?? []);
  return ids.map((id, i) => {
    const entry = asObject(told[i]);
    if (entry === undefined || placeholder(entry) !== id) return { id, bytes: NO_BYTES };
    const top = readCandidates(entry['top_logprobs'], placeholder);
    return tokenEvent(id, NO_BYTES, asNumber(entry['logprob']), bestFirst(top));
  });
}

/** The log-probabilities of a completion are lists side by side, with candidates by their name. */
function readCompletionTokens(ids: readonly number[], choice: JsonObject): TokenEvent[] {
  const logprobs = asObject(choice['logprobs']);
  const own = asArray(logprobs?.['token_logprobs']);
  const tops = asArray(logprobs?.['top_logprobs']);
  return ids.map((id, i) => {
    const top = Object.entries(asObject(tops[i]) ?? {}).flatMap(([name, value]) => {
      const candidateId = placeholder({ token: name });
      const logprob = asNumber(value);
      return candidateId === undefined || logprob === undefined
        ? []
        : [{ id: candidateId, logprob }];
    });
    return tokenEvent(id, NO_BYTES, asNumber(own[i]), bestFirst(packed(top)));
  });
}

/** The id in `token_id:123`, which `return_tokens_as_token_ids` gives in place of a token's text. */
function placeholder(entry: JsonObject | undefined): number | undefined {
  const name = asString(entry?.['token']) ?? '';
  if (!name.startsWith(PLACEHOLDER) || name.length === PLACEHOLDER.length) return undefined;
  // Six of them come with every token: digit by digit is much faster than a regular expression.
  let id = 0;
  for (let i = PLACEHOLDER.length; i < name.length; i++) {
    const digit = name.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    id = 10 * id + digit;
  }
  return id;
}

function readUsage(body: JsonObject, before: Usage): Usage {
  const stated = asObject(body['usage']);
  if (stated === undefined) return before;
  const details = asObject(stated['prompt_tokens_details']);
  return {
    promptTokens: asNumber(stated['prompt_tokens']) ?? before.promptTokens,
    cachedTokens: asNumber(details?.['cached_tokens']) ?? before.cachedTokens,
  };
}
