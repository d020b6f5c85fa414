/**
 * SGLang. `continue_final_message` takes the last message off, renders the rest and encodes its
 * content apart; reasoning and tool calls of that message are dropped. Without the flag the server
 * takes the message for a user's. It refuses `add_generation_prompt: false`, so that this flag is
 * never sent.
 *
 * Where the server tells ids it is a target by ids (see `sglang-target.ts`), else its texts are
 * compared: versions whose `/v1/tokenize` reads no messages and whose chats do not tell their
 * prompt, and gateways that pass neither on.
 */
import { HttpClient } from '../wire/http.ts';
import { Refusal } from '../wire/refusal.ts';
import {
  chooseModel,
  httpOptions,
  isMissing,
  probe,
  sha256,
  TOKENIZER_PROBE,
  troubleOf,
  type ServedModel,
} from './acquaint.ts';
import type {
  Ask,
  ChatRequest,
  ConnectOptions,
  Dialect,
  Target,
  TargetIdentity,
} from './dialect.ts';
import { asIds, asObject, asString, type JsonObject } from './json.ts';
import {
  chatIds,
  continuation,
  ONE_TOKEN,
  promptIds,
  SglangTarget,
  templateBody,
  tokensOf,
  type PromptOracle,
} from './sglang-target.ts';
import { connectText } from './text-level-connect.ts';
import { openaiApi } from './text-level-openai.ts';
import { vocabularyOfFile } from './tokenizer-file.ts';

const KIND = 'SGLang';

export const sglang: Dialect = {
  name: 'sglang',
  limits: [
    'reasoning and tool calls of the message that goes on are dropped by the server',
    'without the flag a trailing assistant message becomes a user message, and nothing says so',
    'a chat stream tells its ids when it ends: none of a stream that is cut, and before the version with sglext none at all',
    'where /v1/tokenize reads no messages and chats do not tell their prompt, texts are compared',
  ],
  recognises: async (ask) => (await modelInfo(ask)) !== undefined,
  async connect(options, signal) {
    return (await connectByIds(options, signal)) ?? (await connectByText(options, signal));
  },
};

/** What the server says of its model, under either name of the path. */
async function modelInfo(ask: Ask): Promise<JsonObject | undefined> {
  for (const path of ['/get_model_info', '/model_info']) {
    const info = asObject(await ask({ method: 'GET', path }));
    if (asString(info?.['model_path']) !== undefined && info?.['is_generation'] !== undefined)
      return info;
  }
  return undefined;
}

/** Undefined where the server does not tell what a verdict by ids needs. */
async function connectByIds(
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<Target | undefined> {
  const http = new HttpClient(httpOptions(options));
  try {
    const model = await chooseModel(http, KIND, options.model, signal);
    const oracle = await examine(http, model, signal);
    if (oracle === undefined) {
      await http.close();
      return undefined;
    }
    const body = { model: model.id, prompt: TOKENIZER_PROBE, add_special_tokens: false };
    const tokenize = { kind: KIND, method: 'POST', path: '/v1/tokenize' } as const;
    const probeIds = tokensOf(await probe(http, { ...tokenize, body }, signal)).slice(
      oracle.before.length,
    );
    const vocabulary = await vocabularyOfFile(options, {
      url: http.url,
      root: model.root,
      probeIds,
    });
    const version = options.engine?.version ?? (await versionAt(http, signal));
    const chatTemplate = options.files?.chatTemplate;
    const identity: TargetIdentity = {
      dialect: sglang.name,
      url: http.url,
      model: model.name,
      engine: {
        name: options.engine?.name ?? sglang.name,
        version,
        build: options.engine?.build,
      },
      ...(chatTemplate === undefined ? {} : { chatTemplateSha256: sha256(chatTemplate) }),
      tokenizerSha256: sha256(JSON.stringify(probeIds)),
      hops: [],
      ...(options.faults === undefined ? {} : { faults: options.faults }),
      ...(options.faultSeed === undefined ? {} : { faultSeed: options.faultSeed }),
    };
    return new SglangTarget({ http, identity, model, chatTemplate, vocabulary, oracle });
  } catch (error) {
    await http.close();
    throw error;
  }
}

async function connectByText(options: ConnectOptions, signal: AbortSignal): Promise<Target> {
  return await connectText(
    {
      dialect: sglang.name,
      oracle: 'prompt-count',
      api: (model) => openaiApi({ model, more: ways }),
    },
    options,
    signal,
  );
}

function ways({ prefill, flags, thinking }: ChatRequest): JsonObject {
  return {
    ...(thinking === undefined ? {} : { chat_template_kwargs: { enable_thinking: thinking } }),
    ...(prefill !== undefined && flags === true ? { continue_final_message: true } : {}),
  };
}

/** Finds out what the server tells; undefined where that is not enough for ids. */
async function examine(
  http: HttpClient,
  model: ServedModel,
  signal: AbortSignal,
): Promise<PromptOracle | undefined> {
  const request: ChatRequest = {
    messages: [{ role: 'user', content: 'Hi' }],
    tools: [],
    thinking: undefined,
  };
  const ask = (path: string, body: JsonObject): Promise<unknown> =>
    allowed(http, path, body, signal);
  const a = await ask('/v1/tokenize', { model: model.id, prompt: 'a', add_special_tokens: false });
  const b = await ask('/v1/tokenize', { model: model.id, prompt: 'b', add_special_tokens: false });
  const [first, second] = [asIds(asObject(a)?.['tokens']), asIds(asObject(b)?.['tokens'])];
  if (first === undefined || second === undefined) return undefined;
  const before = first.slice(
    0,
    first.findIndex((id, i) => id !== second[i]),
  );
  const rendered = promptIds(await ask('/v1/tokenize', templateBody(model.id, request)));
  const chat = { ...templateBody(model.id, request), ...ONE_TOKEN };
  const seen = chatIds(await ask('/v1/chat/completions', chat));
  const ids = rendered ?? seen;
  if (ids === undefined) return undefined;
  if (continuation(await ask('/generate', { input_ids: ids, ...GENERATE_ONE })) === undefined)
    return undefined;
  // What chat itself says is believed where the two differ.
  const tokenizes =
    rendered !== undefined && (seen === undefined || seen.join() === rendered.join());
  return { by: tokenizes ? 'tokenize' : 'chat', before };
}

const GENERATE_ONE: JsonObject = {
  sampling_params: { temperature: 0, max_new_tokens: 1 },
  return_logprob: true,
  stream: false,
};

/** The answer; undefined where the server does not have the path, or does not know what is asked. */
async function allowed(
  http: HttpClient,
  path: string,
  body: JsonObject,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    return (await http.json('POST', path, body, signal)).body;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (isMissing(error) || error.status === 400 || error.status === 422) return undefined;
    throw troubleOf(http, path, error);
  }
}

/** The version, where the server tells it. */
async function versionAt(http: HttpClient, signal: AbortSignal): Promise<string | undefined> {
  for (const path of ['/get_server_info', '/server_info'])
    try {
      const info = asObject((await http.json('GET', path, undefined, signal)).body);
      const version = asString(info?.['version']);
      if (version !== undefined) return version;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  return undefined;
}
