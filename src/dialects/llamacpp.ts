/**
 * llama.cpp's server, and the embedded reference server that speaks the same API.
 *
 * - The prompt oracle is `/apply-template` and `/tokenize`: the server's own template handler and
 *   tokenizer, without a generation.
 * - A chat stream tells the ids of visible tokens only (`logprobs`); `timings.predicted_n` tells
 *   how many tokens stand behind each chunk. `/completion` without streaming tells every id.
 * - With tools the server refuses log-probabilities in a stream, so that no ids are seen there.
 */
import { createHash } from 'node:crypto';
import { SeamstressError, messageOf } from '../errors.ts';
import { HttpClient, type HttpOptions } from '../wire/http.ts';
import { Refusal } from '../wire/refusal.ts';
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
  Spending,
  Target,
  TargetIdentity,
  Usage,
} from './dialect.ts';
import {
  asArray,
  asBytes,
  asIds,
  asNumber,
  asObject,
  asString,
  parseEvent,
  type JsonObject,
} from './json.ts';
import { deltaOf, openaiMessages, openaiTools, readChatChunk, readLogprob } from './openai.ts';
import { Memo } from './memo.ts';
import type { Delta, TokenEvent } from '../seam/generation.ts';
import type { StreamEnd } from '../wire/end.ts';

const REASONING_FIELD = 'reasoning_content';

/** A text whose tokens tell most tokenizers apart; its ids stand for the tokenizer in the record. */
const TOKENIZER_PROBE =
  'Seams: 1,234.5 + don\'t  stop\n\n\tx  = "é", ñ, 中文分词, 日本語, 👩‍👩‍👧 🇯🇵\r\n<think></think> <|im_end|> </s> \u00a0…';

export const llamacpp: Dialect = {
  name: 'llama.cpp',
  limits: [
    'a chat stream does not tell the ids of hidden tokens (think tags, tool-call frames)',
    'with tools, a chat stream tells no ids at all',
  ],
  connect: connectLlamacpp,
};

async function connectLlamacpp(options: ConnectOptions, signal: AbortSignal): Promise<Target> {
  const http = new HttpClient(httpOptions(options));
  try {
    const props = asObject((await probe(http, 'GET', '/props', undefined, signal)).body) ?? {};
    const chatTemplate = asString(props['chat_template']);
    if (chatTemplate === undefined)
      throw new SeamstressError(
        'target',
        `${http.url} is not a llama.cpp server: /props has no chat_template`,
        {
          hint: 'Give the root URL of a llama.cpp server.',
        },
      );
    const model = await chooseModel(http, options.model, signal);
    const probed = await probe(http, 'POST', '/tokenize', tokenizeBody(TOKENIZER_PROBE), signal);
    const probeIds = readTokens(probed.body);
    const build = asString(props['build_info']);
    const identity: TargetIdentity = {
      dialect: llamacpp.name,
      url: http.url,
      model,
      engine: {
        name:
          options.engine?.name ??
          (build?.startsWith('reference') === true ? 'reference' : 'llama.cpp'),
        version: options.engine?.version,
        build: options.engine?.build ?? build,
      },
      chatTemplateSha256: sha256(chatTemplate),
      tokenizerSha256: sha256(JSON.stringify(probeIds)),
      hops: [],
      ...(options.faults === undefined ? {} : { faults: options.faults }),
    };
    return new LlamacppTarget(http, identity, chatTemplate);
  } catch (error) {
    await http.close();
    throw error;
  }
}

function httpOptions(options: ConnectOptions): HttpOptions {
  return {
    url: options.url,
    ...(options.apiKey === undefined
      ? {}
      : { headers: { authorization: `Bearer ${options.apiKey}` } }),
    ...options.timeouts,
    ...(options.connections === undefined ? {} : { connections: options.connections }),
  };
}

/** A request of the first acquaintance: its failures say what to do. */
async function probe(
  http: HttpClient,
  method: 'GET' | 'POST',
  path: string,
  body: unknown,
  signal: AbortSignal,
): Promise<{ body: unknown }> {
  try {
    return await http.json(method, path, body, signal);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 401 || error.status === 403)
      throw new SeamstressError(
        'target',
        `${http.url} refuses us: HTTP ${error.status}, ${messageOf(error)}`,
        {
          hint: 'Put the key into the environment variable SEAMSTRESS_API_KEY.',
          cause: error,
        },
      );
    if (error.status === 404 || error.status === 405 || error.status === 501)
      throw new SeamstressError('target', `${http.url} has no ${path} (HTTP ${error.status})`, {
        hint:
          path === '/tokenize'
            ? 'Token ids are needed to compare prompts; start the server with its tokenizer endpoint enabled.'
            : 'Is this the root URL of a llama.cpp server? Paths such as /v1 are added by seamstress.',
        cause: error,
      });
    throw new SeamstressError(
      'target',
      `${http.url}${path} answered HTTP ${error.status}: ${messageOf(error)}`,
      {
        hint: 'Wait until the server is ready, or look at its log.',
        cause: error,
      },
    );
  }
}

async function chooseModel(
  http: HttpClient,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const reply = await probe(http, 'GET', '/v1/models', undefined, signal);
  const served = asArray(asObject(reply.body)?.['data']).flatMap((entry) => {
    const object = asObject(entry);
    return [asString(object?.['id']), ...asArray(object?.['aliases']).map(asString)].filter(
      (id) => id !== undefined,
    );
  });
  const names = [...new Set(served)];
  if (wanted === undefined) return baseName(names[0] ?? 'unknown');
  if (names.length > 0 && !names.some((name) => name === wanted || baseName(name) === wanted))
    throw new SeamstressError('target', `${http.url} does not serve the model "${wanted}"`, {
      hint: `It serves: ${names.map(baseName).join(', ')}.`,
    });
  return wanted;
}

/** Servers name a model by its path; the path of somebody's machine does not belong into a report. */
function baseName(model: string): string {
  return model.split(/[/\\]/).at(-1) ?? model;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function tokenizeBody(text: string): JsonObject {
  return { content: text, add_special: false, parse_special: true };
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
  let next = 0;
  const tokens = ids.map((id): TokenEvent => {
    const token = told[next];
    if (token?.id !== id) return { id, bytes: new Uint8Array() };
    next++;
    return token;
  });
  if (next !== told.length)
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

class LlamacppTarget implements Target {
  readonly identity: TargetIdentity;
  readonly chatTemplate: string;
  readonly #http: HttpClient;
  readonly #encoded = new Memo<readonly number[]>(20_000);
  /** Apart from `#encoded`: a server may know more of a text that it rendered itself. */
  readonly #rendered = new Memo<readonly number[]>(20_000);
  #promptTokens = 0;
  #generatedTokens = 0;

  constructor(http: HttpClient, identity: TargetIdentity, chatTemplate: string) {
    this.#http = http;
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
    const tokens: PlacedToken[] = [];
    const deltas: Delta[] = [];
    let generated = 0;
    let finish: string | undefined;
    let usage: Usage = { promptTokens: undefined, cachedTokens: undefined };
    let garbled: StreamEnd | undefined;
    const reply = await this.#http.stream('/v1/chat/completions', chatBody(request, sampling), {
      signal: read.signal,
      onData: (data) => {
        const chunk = parseEvent(data);
        if (chunk === undefined) {
          garbled = {
            kind: 'garbled',
            detail: `an event is not a JSON object: ${data.slice(0, 80)}`,
          };
          return true;
        }
        const timings = asObject(chunk['timings']);
        const stated = asObject(chunk['usage']);
        const message = readChatChunk(chunk);
        const count = asNumber(stated?.['completion_tokens']) ?? asNumber(timings?.['predicted_n']);
        generated = Math.max(generated, count ?? generated + (message?.logprobs.length ?? 0));
        if (stated !== undefined || timings !== undefined)
          usage = readUsage(stated, timings, usage);
        if (message === undefined) return false;
        finish = message.finish ?? finish;
        for (const [i, token] of message.logprobs.entries())
          tokens.push({ ...token, place: generated - message.logprobs.length + 1 + i });
        const delta = deltaOf(message, generated);
        if (delta !== undefined) deltas.push(delta);
        return read.stopWhen?.({ generated, tokens, deltas }) === true;
      },
    });
    this.#promptTokens += usage.promptTokens ?? 0;
    this.#generatedTokens += generated;
    return {
      deltas,
      tokens,
      generated,
      finish,
      end: garbled ?? reply.end,
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
    const told = asArray(body['completion_probabilities']).flatMap((entry) => readLogprob(entry));
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
    const applied = await this.#http.json('POST', '/apply-template', templateBody(request), signal);
    const text = asString(asObject(applied.body)?.['prompt']);
    if (text === undefined)
      throw new SeamstressError('target', '/apply-template answered without a prompt');
    return {
      ids: await this.#rendered.get(text, () => this.#tokenize(text, signal)),
      text,
      source: 'server',
      requests: [
        applied.request,
        { method: 'POST', url: `${this.#http.url}/tokenize`, body: tokenizeBody(text) },
      ],
    };
  }

  async encode(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return await this.#encoded.get(text, () => this.#tokenize(text, signal));
  }

  async #tokenize(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return readTokens(
      (await this.#http.json('POST', '/tokenize', tokenizeBody(text), signal)).body,
    );
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

function readUsage(
  stated: JsonObject | undefined,
  timings: JsonObject | undefined,
  before: Usage,
): Usage {
  return {
    promptTokens: asNumber(stated?.['prompt_tokens']) ?? before.promptTokens,
    cachedTokens: asNumber(timings?.['cache_n']) ?? before.cachedTokens,
  };
}
