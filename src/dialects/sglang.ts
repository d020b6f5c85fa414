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
import { chooseModel, httpOptions, probe, TOKENIZER_PROBE } from './acquaint.ts';
import type { Ask, ConnectOptions, Dialect, Target } from './dialect.ts';
import { identityOf, tokenizerHash } from './identity.ts';
import { asObject, asString, type JsonObject } from './json.ts';
import { tokenizeBody, tokensOf } from './served-tokenizer.ts';
import { examineOracle, FLAGS, TOKENIZE } from './sglang-oracle.ts';
import { SglangTarget } from './sglang-target.ts';
import { flagsOf, thinkingArgument } from './template-body.ts';
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
    const oracle = await examineOracle(http, model.id, signal);
    if (oracle === undefined) {
      await http.close();
      return undefined;
    }
    const body = tokenizeBody(model.id, TOKENIZER_PROBE);
    const tokenize = { kind: KIND, method: 'POST', path: TOKENIZE, body } as const;
    const probeIds = tokensOf(await probe(http, tokenize, signal), TOKENIZE).slice(
      oracle.before.length,
    );
    const { url } = http;
    const vocabulary = await vocabularyOfFile(options, { url, root: model.root, probeIds });
    const chatTemplate = options.files?.chatTemplate;
    const identity = identityOf(options, {
      dialect: sglang.name,
      url,
      model: model.name,
      engine: {
        name: sglang.name,
        version: options.engine?.version ?? (await versionAt(http, signal)),
      },
      chatTemplate,
      tokenizerSha256: tokenizerHash(probeIds),
    });
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
      api: (model) =>
        openaiApi({
          model,
          more: (request) => ({ ...thinkingArgument(request), ...flagsOf(request, FLAGS) }),
        }),
    },
    options,
    signal,
  );
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
