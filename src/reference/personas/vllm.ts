/**
 * vLLM 0.32's OpenAI-compatible server with `--reasoning-parser qwen3`, as seen with the thinker.
 *
 * - Without `continue_final_message` a trailing assistant message becomes a closed turn, in
 *   silence, and a new one is opened. With it the message goes on, by transformers' tag; its
 *   reasoning is always closed by the template.
 * - `/tokenize` with messages renders as chat does, but drops `reasoning_content`.
 * - A stream tells reasoning or content by what the prompt ends in; a whole answer begins in
 *   reasoning always, so that resumed content comes back as reasoning.
 * - Unknown fields are accepted in silence; tokens are told by `return_token_ids`.
 */
import { fileURLToPath } from 'node:url';
import { asArray, asIds, asObject, asString, type JsonObject } from '../../dialects/json.ts';
import { MODEL_NAME, randomId } from '../accounting.ts';
import { ApiError } from '../api-error.ts';
import { CONTEXT_LENGTH, type Ended, type Engine, type Step } from '../engine.ts';
import { EventStream, sendJson } from '../http.ts';
import { Lru } from '../lru.ts';
import type { Piece } from '../parse.ts';
import { readInteger, readStops } from '../sampling.ts';
import { Slots } from '../slots.ts';
import type { Exchange, Persona, Routes } from './persona.ts';
import { otherRoutes, type Chatter } from './route-chat.ts';
import { chatOfMessages } from './route-messages.ts';
import { chatOfResponses } from './route-responses.ts';
import { messageOf, tell } from './telling.ts';
import { VllmParser } from './vllm-parser.ts';
import { encodeNormalized, readVllmRequest, renderVllm } from './vllm-request.ts';

const VERSION = '0.32.0';
const FINGERPRINT = `vllm-${VERSION}-reference`;
const FOLDER = fileURLToPath(new URL('../../../models/thinker/hf', import.meta.url));
/** Tokens that the prefix cache keeps together. */
const BLOCK = 16;

function now(): number {
  return Math.floor(Date.now() / 1000);
}

/** What a request wants besides its prompt. */
interface Wishes {
  readonly ids: boolean;
  readonly idNames: boolean;
  readonly logprobs: boolean;
  readonly top: number;
  readonly limit: number;
  readonly stop: readonly string[];
  readonly stream: boolean;
  readonly usage: boolean;
}

function readWishes(body: JsonObject, logprobs: boolean, top: number): Wishes {
  return {
    ids: body['return_token_ids'] === true,
    idNames: body['return_tokens_as_token_ids'] === true,
    logprobs,
    top,
    limit: readInteger(body, ['max_completion_tokens', 'max_tokens'], -1),
    stop: readStops(body),
    stream: body['stream'] === true,
    usage: asObject(body['stream_options'])?.['include_usage'] === true,
  };
}

const SCALE_OUT_DISABLED =
  'Scale-out endpoints are disabled. Restart vllm serve with --enable-scale-out to enable them.';

/** One vLLM server. */
class Vllm {
  readonly #engine: Engine;
  /** Started with `--enable-scale-out`. */
  readonly #scaleOut: boolean;
  /** The prefix cache, one for each salt. */
  readonly #caches = new Lru<string, Slots>(256);

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
      'GET /v1/models': ({ response }) => sendJson(response, 200, modelList()),
      'POST /tokenize': ({ body, response }) => sendJson(response, 200, this.#tokenize(body)),
      'POST /detokenize': ({ body, response }) =>
        sendJson(response, 200, {
          prompt: this.#engine.vocabulary.join(asIds(body['tokens']) ?? []).toString('utf8'),
        }),
      'POST /v1/chat/completions': (exchange) => this.#chat(exchange),
      'POST /v1/completions': (exchange) => this.#complete(exchange),
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

  async #chat({ body, response, pace }: Exchange): Promise<void> {
    requireModel(body);
    const request = readVllmRequest(body, 'chat');
    const logprobs = body['logprobs'] === true;
    const wishes = readWishes(body, logprobs, readInteger(body, ['top_logprobs'], 0));
    const text = renderVllm(this.#engine, request);
    const ids = encodeNormalized(this.#engine, text);
    const thinks =
      this.#engine.style.name === 'chatml' && request.kwargs['enable_thinking'] !== false;
    const begins = thinks && !(wishes.stream && endedThinking(text)) ? 'reasoning' : 'content';
    const parser = new VllmParser(begins, request.tools.length > 0);
    const options = {
      limit: wishes.limit,
      stop: wishes.stop,
      top: Math.max(1, wishes.top),
      special: true,
    };
    const told = tell(this.#engine, pace, ids, options, parser);
    const prompt = { ids, cached: this.#cached(body, ids) };
    const head = { id: `chatcmpl-${randomId().slice(0, 16)}`, created: now(), model: MODEL_NAME };
    if (!wishes.stream) {
      const steps: Step[] = [];
      const pieces: Piece[] = [];
      for await (const { step, pieces: more } of told) {
        steps.push(step);
        pieces.push(...more);
        if (step.ended === undefined) continue;
        const choice = {
          index: 0,
          message: {
            ...messageJson(pieces),
            role: request.continueFinal ? lastRole(body) : 'assistant',
          },
          logprobs: wishes.logprobs
            ? { content: steps.map((one) => this.#logprob(one, wishes)) }
            : null,
          finish_reason: finishOf(step.ended, parser.called),
          stop_reason: stopReason(step.ended),
          token_ids: wishes.ids ? steps.map(({ id }) => id) : null,
          routed_experts: null,
        };
        sendJson(response, 200, {
          ...head,
          object: 'chat.completion',
          choices: [choice],
          usage: usageOf(prompt, step.place),
          prompt_token_ids: wishes.ids ? ids : null,
        });
      }
      return;
    }
    const events = new EventStream(response);
    const chunk = (choices: readonly object[], more: object = {}): Promise<void> =>
      events.send({ ...head, object: 'chat.completion.chunk', choices, ...more });
    const opening = { role: 'assistant', content: '' };
    await chunk(
      [{ index: 0, delta: opening, logprobs: null, finish_reason: null }],
      wishes.ids ? { prompt_token_ids: ids, prompt_text: null } : {},
    );
    for await (const { step, pieces } of told) {
      const delta = deltaJson(pieces);
      const { ended } = step;
      const silent = Object.keys(delta).length === 0 && ended === undefined;
      if (!silent || wishes.ids || wishes.logprobs)
        await chunk([
          {
            index: 0,
            delta,
            logprobs: wishes.logprobs ? { content: [this.#logprob(step, wishes)] } : null,
            finish_reason: ended === undefined ? null : finishOf(ended, parser.called),
            ...(ended === undefined ? {} : { stop_reason: stopReason(ended) }),
            ...(wishes.ids ? { token_ids: [step.id] } : {}),
          },
        ]);
      if (ended === undefined) continue;
      if (wishes.usage)
        await chunk([], {
          usage: usageOf(prompt, step.place),
          system_fingerprint: FINGERPRINT,
        });
      await events.send('[DONE]');
      events.end();
    }
  }

  async #complete({ body, response, pace }: Exchange): Promise<void> {
    requireModel(body);
    const given = body['prompt'];
    const ids = typeof given === 'string' ? encodeNormalized(this.#engine, given) : asIds(given);
    if (ids === undefined || ids.length === 0)
      throw new ApiError(400, 'Either prompt or prompt_embeds must be provided and non-empty.');
    const asked = readInteger(body, ['logprobs'], -1);
    const wishes = readWishes(body, asked >= 0, Math.max(0, asked));
    const options = {
      limit: wishes.limit < 0 ? 16 : wishes.limit,
      stop: wishes.stop,
      top: Math.max(1, wishes.top),
    };
    const head = {
      id: `cmpl-${randomId().slice(0, 16)}`,
      object: 'text_completion',
      created: now(),
      model: MODEL_NAME,
    };
    const prompt = { ids, cached: this.#cached(body, ids) };
    const events = wishes.stream ? new EventStream(response) : undefined;
    const raw = { feed: (text: string): Piece[] => [{ kind: 'content', text }] };
    const steps: Step[] = [];
    let offset = 0;
    const choiceOf = (list: readonly Step[], ended: Ended | undefined): object => ({
      index: 0,
      text: list.map(({ released }) => released.text).join(''),
      logprobs: wishes.logprobs ? this.#completionLogprobs(list, wishes, offset) : null,
      finish_reason: ended === undefined ? null : finishOf(ended, false),
      stop_reason: ended === undefined ? null : stopReason(ended),
      ...(wishes.ids ? { token_ids: list.map(({ id }) => id), prompt_token_ids: ids } : {}),
    });
    for await (const { step } of tell(this.#engine, pace, ids, options, raw)) {
      steps.push(step);
      if (events !== undefined) {
        await events.send({ ...head, choices: [choiceOf([step], step.ended)] });
        offset += step.released.text.length;
      }
      if (step.ended === undefined) continue;
      const usage = usageOf(prompt, step.place);
      if (events === undefined)
        sendJson(response, 200, { ...head, choices: [choiceOf(steps, step.ended)], usage });
      else {
        if (wishes.usage) await events.send({ ...head, choices: [], usage });
        await events.send('[DONE]');
        events.end();
      }
    }
  }

  #cached(body: JsonObject, ids: readonly number[]): number {
    const salt = asString(body['cache_salt']) ?? '';
    const cache = this.#caches.getOrMake(salt, () => new Slots(64));
    const { cached } = cache.take(ids, { slot: -1, cache: true });
    return Math.floor(cached / BLOCK) * BLOCK;
  }

  #name(id: number, names: boolean): string {
    return names ? `token_id:${id}` : this.#engine.vocabulary.textOf(id);
  }

  #logprob({ id, candidates }: Step, { idNames, top }: Wishes): object {
    const entry = (of: number, logprob: number): object => ({
      token: this.#name(of, idNames),
      logprob,
      bytes: [...this.#engine.vocabulary.bytes(of)],
    });
    return {
      ...entry(id, candidates[0]?.logprob ?? 0),
      top_logprobs: candidates.slice(0, top).map((one) => entry(one.id, one.logprob)),
    };
  }

  #completionLogprobs(steps: readonly Step[], { idNames, top }: Wishes, offset: number): object {
    let at = offset;
    return {
      text_offset: steps.map(({ id }) => {
        const start = at;
        at += this.#name(id, idNames).length;
        return start;
      }),
      token_logprobs: steps.map(({ candidates }) => candidates[0]?.logprob ?? 0),
      tokens: steps.map(({ id }) => this.#name(id, idNames)),
      top_logprobs: steps.map(({ candidates }) =>
        Object.fromEntries(
          candidates
            .slice(0, Math.max(1, top))
            .map(({ id, logprob }) => [this.#name(id, idNames), logprob]),
        ),
      ),
    };
  }
}

/** A continued message keeps its role, whoever it is from. */
function lastRole(body: JsonObject): unknown {
  return asObject(asArray(body['messages']).at(-1))?.['role'];
}

/** True when the thinking of the last turn is over. */
function endedThinking(prompt: string): boolean {
  const turn = prompt.slice(prompt.lastIndexOf('<|im_start|>'));
  return turn.lastIndexOf('</think>') > turn.lastIndexOf('<think>');
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

function modelList(): object {
  const entry = {
    id: MODEL_NAME,
    object: 'model',
    created: now(),
    owned_by: 'vllm',
    root: FOLDER,
    parent: null,
    max_model_len: CONTEXT_LENGTH,
    permission: [],
  };
  return { object: 'list', data: [entry] };
}

function usageOf(
  prompt: { readonly ids: readonly number[]; readonly cached: number },
  made: number,
): object {
  return {
    prompt_tokens: prompt.ids.length,
    total_tokens: prompt.ids.length + made,
    completion_tokens: made,
    prompt_tokens_details: { cached_tokens: prompt.cached },
  };
}

function finishOf(ended: Ended, called: boolean): string {
  if (ended.type === 'limit') return 'length';
  return called ? 'tool_calls' : 'stop';
}

function stopReason(ended: Ended): string | null {
  return ended.type === 'word' ? ended.word : null;
}

function callJson(piece: Piece): object[] {
  if (piece.kind === 'call') {
    const called = { name: piece.name };
    return [
      {
        id: `chatcmpl-tool-${piece.index}`,
        type: 'function',
        index: piece.index,
        function: called,
      },
    ];
  }
  return piece.kind === 'arguments'
    ? [{ index: piece.index, function: { arguments: piece.text } }]
    : [];
}

function deltaJson(pieces: readonly Piece[]): object {
  const { reasoning, content } = messageOf(pieces);
  const calls = pieces.flatMap(callJson);
  return {
    ...(reasoning === '' ? {} : { reasoning }),
    ...(content === '' ? {} : { content }),
    ...(calls.length === 0
      ? {}
      : { ...(content === '' ? { content: null } : {}), tool_calls: calls }),
  };
}

/** A whole message; line breaks alone before a tool call are not content. */
function messageJson(pieces: readonly Piece[]): object {
  const { reasoning, content, calls } = messageOf(pieces);
  const own = calls.length > 0 && content.trim() === '' ? '' : content;
  return {
    role: 'assistant',
    content: own === '' ? null : own,
    refusal: null,
    annotations: null,
    audio: null,
    function_call: null,
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map((called, i) => ({
            id: `chatcmpl-tool-${i}`,
            type: 'function',
            function: called,
          })),
        }),
    reasoning: reasoning === '' ? null : reasoning,
  };
}

const LACKS = [
  'several tokens in one chunk, which the real server does when it is busy',
  'in /v1/messages and /v1/responses: images, stored responses, signatures, the order of closing events',
  'call ids are counted instead of random',
  'validation of fields that decide neither prompt nor length, and the full list of its complaints',
  'the tool parser for models that write other tool calls than the thinker',
];

function errorBody(error: ApiError): unknown {
  if (error.status === 404 && error.type === 'not_found_error') return { detail: 'Not Found' };
  const type = error.type === 'invalid_request_error' ? 'BadRequestError' : error.type;
  return {
    error: {
      message: error.message,
      type,
      param: error.details['param'] ?? null,
      code: error.status,
    },
  };
}

export const vllm: Persona = {
  name: 'vllm',
  dialect: 'vllm',
  sources: [
    'seen on vLLM 0.32 with the thinker; compared with it in test/engines/personas.test.ts',
    'vllm/parser/qwen3.py, vllm/entrypoints/serve/tokenize/protocol.py',
    'transformers/utils/chat_template_utils.py: render_jinja_template',
  ],
  lacks: LACKS,
  routes: (engine) => new Vllm(engine).routes,
  errorBody,
};

/** Started with `--enable-scale-out`: it renders the requests of all of its APIs. */
export const vllmScaleOut: Persona = {
  ...vllm,
  name: 'vllm-scale-out',
  sources: ['seen on vLLM 0.32 with --enable-scale-out'],
  routes: (engine) => new Vllm(engine, true).routes,
};

/** Gemma's template trims every content, and the prefill with it (transformers #34253, #35433). */
export const vllmGemma: Persona = {
  ...vllm,
  name: 'vllm-gemma',
  style: 'gemma',
  sources: ['transformers/utils/chat_template_utils.py with models/thinker/templates/gemma.jinja'],
};
