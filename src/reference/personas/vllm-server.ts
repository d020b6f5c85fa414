/** The routes of a vLLM server, and what it keeps between requests. */
import { fileURLToPath } from 'node:url';
import { asIds, asString, type JsonObject } from '../../dialects/json.ts';
import { MODEL_NAME } from '../accounting.ts';
import { ApiError } from '../api-error.ts';
import { CONTEXT_LENGTH, type Engine } from '../engine.ts';
import { sendJson } from '../http.ts';
import type { Chatter } from './chatter.ts';
import { modelList } from './hosted.ts';
import type { Exchange, Routes } from './persona.ts';
import { otherRoutes } from './route-chat.ts';
import { chatOfMessages } from './route-messages.ts';
import { chatOfResponses } from './route-responses.ts';
import { PrefixCaches } from './prefix-caches.ts';
import { answerChat } from './vllm-chat.ts';
import { answerCompletion } from './vllm-completion.ts';
import { encodeNormalized, readVllmRequest, renderVllm } from './vllm-request.ts';
import { now } from './vllm-told.ts';

const VERSION = '0.32.0';
const FINGERPRINT = `vllm-${VERSION}-reference`;
const FOLDER = fileURLToPath(new URL('../../../models/thinker/hf', import.meta.url));
/** Tokens that the prefix cache keeps together. */
const BLOCK = 16;

const SCALE_OUT_DISABLED =
  'Scale-out endpoints are disabled. Restart vllm serve with --enable-scale-out to enable them.';

/** One vLLM server. */
export class Vllm {
  readonly #engine: Engine;
  /** Started with `--enable-scale-out`. */
  readonly #scaleOut: boolean;
  readonly #caches = new PrefixCaches(256);

  constructor(engine: Engine, scaleOut = false) {
    this.#engine = engine;
    this.#scaleOut = scaleOut;
  }

  get routes(): Routes {
    return {
      'GET /health': ({ response }) => {
        response.writeHead(200).end();
      },
      'GET /version': ({ response }) => sendJson(response, 200, { version: VERSION }),
      'GET /v1/models': ({ response }) => sendJson(response, 200, models()),
      'POST /tokenize': ({ body, response }) => sendJson(response, 200, this.#tokenize(body)),
      'POST /detokenize': ({ body, response }) =>
        sendJson(response, 200, {
          prompt: this.#engine.vocabulary.join(asIds(body['tokens']) ?? []).toString('utf8'),
        }),
      'POST /v1/chat/completions': (exchange) => this.#chat(exchange),
      'POST /v1/completions': (exchange) => {
        requireModel(exchange.body);
        return answerCompletion(this.#engine, exchange, this.#cachedOf(exchange));
      },
      ...this.#others,
    };
  }

  /** The APIs beside the chat, and their prompts. */
  get #others(): Routes {
    const chatter: Chatter = {
      reasoningField: 'reasoning',
      readsStatus: true,
      tellsLimit: true,
      chat: (exchange) => this.#chat(exchange),
      count: (body) => this.#promptOf(body).length,
    };
    const { 'POST /v1/responses/input_tokens': _, ...routes } = otherRoutes(chatter);
    const render =
      (chatOf: typeof chatOfMessages): Routes[string] =>
      ({ body, response }) => {
        if (!this.#scaleOut) throw new ApiError(403, SCALE_OUT_DISABLED, 'PermissionDeniedError');
        sendJson(response, 200, { token_ids: this.#promptOf(chatOf(body, chatter)) });
      };
    return {
      ...routes,
      'POST /v1/messages/render': render(chatOfMessages),
      'POST /v1/responses/render': render(chatOfResponses),
    };
  }

  #promptOf(body: JsonObject): readonly number[] {
    return encodeNormalized(this.#engine, renderVllm(this.#engine, readVllmRequest(body, 'chat')));
  }

  #tokenize(body: JsonObject): object {
    const prompt = asString(body['prompt']);
    const text = prompt ?? renderVllm(this.#engine, readVllmRequest(body, 'tokenize'));
    const tokens = encodeNormalized(this.#engine, text);
    return { count: tokens.length, max_model_len: CONTEXT_LENGTH, tokens, token_strs: null };
  }

  async #chat(exchange: Exchange): Promise<void> {
    requireModel(exchange.body);
    await answerChat(this.#engine, exchange, FINGERPRINT, this.#cachedOf(exchange));
  }

  /** Counts what the prefix cache has of a prompt, and keeps it there. */
  #cachedOf({ body }: Exchange): (ids: readonly number[]) => number {
    return (ids) => Math.floor(this.#caches.take(body['cache_salt'], ids) / BLOCK) * BLOCK;
  }
}

function requireModel(body: JsonObject): void {
  const model = asString(body['model']);
  if (model === undefined || model === '' || model === MODEL_NAME) return;
  throw new ApiError(
    404,
    `The model \`${model}\` does not exist. Valid aliases: ${MODEL_NAME}.`,
    'NotFoundError',
    { param: 'model' },
  );
}

function models(): object {
  return modelList([MODEL_NAME], {
    created: now(),
    owned_by: 'vllm',
    root: FOLDER,
    parent: null,
    max_model_len: CONTEXT_LENGTH,
    permission: [],
  });
}
