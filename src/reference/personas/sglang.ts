/**
 * SGLang, by its source: what chat makes of a trailing assistant message, `/v1/tokenize` with
 * messages, the ids of a chat in `sglext`, and the native `/generate`. The older one tells neither
 * the prompt nor the ids of a chat.
 */
import { asArray, asIds, asObject, asString, type JsonObject } from '../../dialects/json.ts';
import { MODEL_NAME, randomId } from '../accounting.ts';
import { ApiError } from '../api-error.ts';
import { textOf } from '../chat-request.ts';
import { CONTEXT_LENGTH, type Ended, type Engine, type Step } from '../engine.ts';
import { EventStream, sendJson } from '../http.ts';
import { readInteger, readStops } from '../sampling.ts';
import {
  endsWithAssistant,
  modelList,
  newTurnPrompt,
  type Conversation,
  type HostedPrompt,
} from './hosted.ts';
import { sendAnswer } from './openai-answer.ts';
import type { Exchange, Persona, Routes } from './persona.ts';
import { PrefixCaches } from './prefix-caches.ts';
import { conversationOf } from './self-hosted.ts';
import { RAW, tell } from './telling.ts';

/** Caches of distinct keys that are remembered. */
const CACHES = 512;

const SOURCES = [
  'python/sglang/srt/entrypoints/openai/serving_chat.py: the final message is taken off, and its content encoded apart',
  'python/sglang/srt/entrypoints/openai/serving_tokenize.py: messages go the way of a chat',
  'sgl-project/sglang #30917, #34488: ids in chat answers',
];
const LACKS = [
  'how its reasoning parser reads what goes on inside a thought: the new text is read alone',
  'the cache’s pages: every common token is counted as cached',
  'constraints of a grammar',
];

export const sglang: Persona = {
  name: 'sglang',
  dialect: 'sglang',
  sources: SOURCES,
  lacks: LACKS,
  routes: (engine) => new Sglang(engine).routes,
  errorBody,
};

/** Before chats told ids: `/v1/tokenize` reads a prompt only, and no unknown field is complained of. */
export const sglangOld: Persona = {
  ...sglang,
  name: 'sglang-0.4',
  routes: (engine) => new Sglang(engine).oldRoutes,
};

function errorBody({ message, status }: ApiError): unknown {
  return { object: 'error', message, type: 'BadRequestError', param: null, code: status };
}

class Sglang {
  readonly #engine: Engine;
  readonly #caches = new PrefixCaches(CACHES);

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get routes(): Routes {
    return {
      ...this.oldRoutes,
      'GET /model_info': ({ response }) => sendJson(response, 200, MODEL_INFO),
      'GET /server_info': ({ response }) => sendJson(response, 200, { version: '0.5.17' }),
      'POST /v1/tokenize': ({ body, response }) =>
        this.#tokenize(response, this.#idsOfRequest(body)),
      'POST /v1/chat/completions': (exchange) => this.#chat(exchange, true),
    };
  }

  get oldRoutes(): Routes {
    return {
      'GET /health': ({ response }) => {
        response.writeHead(200).end();
      },
      'GET /get_model_info': ({ response }) => sendJson(response, 200, MODEL_INFO),
      'GET /v1/models': ({ response }) =>
        sendJson(
          response,
          200,
          modelList([MODEL_NAME], {
            owned_by: 'sglang',
            root: MODEL_NAME,
            max_model_len: CONTEXT_LENGTH,
          }),
        ),
      'POST /v1/tokenize': ({ body, response }) =>
        this.#tokenize(response, this.#idsOfPrompt(body['prompt'])),
      'POST /v1/detokenize': ({ body, response }) =>
        sendJson(response, 200, { text: this.#detokenize(body) }),
      'POST /v1/chat/completions': (exchange) => this.#chat(exchange, false),
      'POST /generate': (exchange) => this.#generate(exchange),
    };
  }

  #tokenize(response: Exchange['response'], tokens: readonly number[]): void {
    sendJson(response, 200, { tokens, count: tokens.length, max_model_len: CONTEXT_LENGTH });
  }

  #idsOfRequest(body: JsonObject): readonly number[] {
    const [messages, prompt] = [body['messages'] ?? undefined, body['prompt'] ?? undefined];
    if ((messages === undefined) === (prompt === undefined))
      throw new ApiError(400, "Exactly one of 'prompt' or 'messages' must be provided.");
    if (body['add_generation_prompt'] === false)
      throw new ApiError(400, 'add_generation_prompt=false is not supported.');
    return prompt === undefined ? promptOf(this.#engine, body).ids : this.#idsOfPrompt(prompt);
  }

  #idsOfPrompt(prompt: unknown): readonly number[] {
    const text = asString(prompt);
    if (text === undefined)
      throw new ApiError(400, 'Invalid prompt type. Expected str or List[str].');
    return this.#engine.encode(text.normalize('NFC'));
  }

  #detokenize(body: JsonObject): string {
    const { vocabulary } = this.#engine;
    const ids = asIds(body['tokens']) ?? [];
    const bytes = (id: number): Uint8Array =>
      body['skip_special_tokens'] === false ? vocabulary.bytes(id) : vocabulary.printed(id);
    return Buffer.concat(ids.map(bytes)).toString('utf8');
  }

  async #chat(exchange: Exchange, tellsIds: boolean): Promise<void> {
    const { body } = exchange;
    const prompt = promptOf(this.#engine, body);
    if (!tellsIds) {
      await sendAnswer(this.#engine, exchange, prompt, asArray(body['tools']), STYLE);
      return;
    }
    refuseStreamedIds(body);
    const [input, output] = ['return_input_ids_in_sglext', 'return_output_ids_in_sglext'].map(
      (name) => body[name] === true,
    );
    await sendAnswer(this.#engine, exchange, prompt, asArray(body['tools']), {
      ...STYLE,
      whole: (steps) =>
        input === true || output === true
          ? {
              sglext: {
                ...(input === true ? { input_ids: prompt.ids } : {}),
                ...(output === true ? { output_ids: [idsOf(steps)] } : {}),
              },
            }
          : undefined,
      choice: (steps) => {
        const all = body['return_token_ids'] === true;
        return {
          ...(all || body['return_prompt_token_ids'] === true
            ? { prompt_token_ids: prompt.ids }
            : {}),
          ...(all ? { token_ids: idsOf(steps) } : {}),
        };
      },
    });
  }

  async #generate({ body, response, pace }: Exchange): Promise<void> {
    const ids = asIds(body['input_ids']) ?? this.#idsOfPrompt(body['text']);
    const sampling = asObject(body['sampling_params']) ?? {};
    const top = body['return_logprob'] === true ? readInteger(body, ['top_logprobs_num'], 0) : 0;
    const options = {
      limit: readInteger(sampling, ['max_new_tokens'], 128),
      stop: readStops(sampling),
      top: Math.max(1, top),
    };
    const cached = this.#caches.take(body['extra_key'], ids);
    const events = body['stream'] === true ? new EventStream(response) : undefined;
    const steps: Step[] = [];
    const id = randomId();
    for await (const { step } of tell(this.#engine, pace, ids, options, RAW)) {
      steps.push(step);
      const answer = {
        text: steps.map(({ released }) => released.text).join(''),
        output_ids: steps.map((one) => one.id),
        meta_info: {
          id,
          finish_reason: step.ended === undefined ? null : reasonOf(step.ended, step),
          prompt_tokens: ids.length,
          completion_tokens: steps.length,
          cached_tokens: cached,
          ...(body['return_logprob'] === true ? logprobsOf(steps, top) : {}),
        },
      };
      if (events !== undefined) await events.send(answer);
      if (step.ended === undefined) continue;
      if (events === undefined) sendJson(response, 200, answer);
      else {
        await events.send('[DONE]');
        events.end();
      }
    }
  }
}

const MODEL_INFO = { model_path: MODEL_NAME, tokenizer_path: MODEL_NAME, is_generation: true };

const STYLE = { reasoningField: 'reasoning_content', continuousUsage: true } as const;

function idsOf(steps: readonly Step[]): number[] {
  return steps.map(({ id }) => id);
}

function refuseStreamedIds(body: JsonObject): void {
  if (body['stream'] !== true) return;
  for (const name of ['return_prompt_token_ids', 'return_token_ids', 'return_meta_info'])
    if (body[name] === true)
      throw new ApiError(
        400,
        `${name} is not supported with streaming. Please set stream=false when using ${name}=true.`,
      );
}

/** The text is encoded apart from the header; reasoning and tool calls of the message are lost. */
function promptOf(engine: Engine, body: JsonObject): HostedPrompt {
  const conversation = conversationOf(body);
  const { messages } = conversation;
  for (const message of messages) requireWholeCalls(message);
  if (!endsWithAssistant(messages)) return newTurnPrompt(engine, conversation);
  const before = messages.slice(0, -1);
  const said = textOf(messages.at(-1)?.['content']);
  if (body['continue_final_message'] !== true)
    return newTurnPrompt(engine, withLast(conversation, { role: 'user', content: said }));
  const header = newTurnPrompt(engine, { ...conversation, messages: before });
  return { ids: [...header.ids, ...engine.encode(said.normalize('NFC'))], prefill: '' };
}

function withLast(conversation: Conversation, message: JsonObject): Conversation {
  return { ...conversation, messages: [...conversation.messages.slice(0, -1), message] };
}

/** Arguments of past calls are parsed for the template. */
function requireWholeCalls(message: JsonObject): void {
  for (const call of asArray(message['tool_calls'])) {
    const text = asString(asObject(asObject(call)?.['function'])?.['arguments']);
    if (text === undefined) continue;
    let whole: unknown;
    try {
      whole = JSON.parse(text);
    } catch {
      throw new ApiError(400, 'Assistant tool call function.arguments must be valid JSON.');
    }
    if (asObject(whole) === undefined)
      throw new ApiError(400, 'Assistant tool call function.arguments must be a JSON object.');
  }
}

function reasonOf(ended: Ended, { id, place }: Step): object {
  if (ended.type === 'limit') return { type: 'length', length: place };
  return { type: 'stop', matched: ended.type === 'word' ? ended.word : id };
}

/** `[log-probability, id, text]`, the text only where it was asked for. */
function logprobsOf(steps: readonly Step[], top: number): object {
  return {
    output_token_logprobs: steps.map(({ id, candidates }) => [
      candidates[0]?.logprob ?? 0,
      id,
      null,
    ]),
    output_top_logprobs:
      top > 0
        ? steps.map(({ candidates }) =>
            candidates.slice(0, top).map(({ id, logprob }) => [logprob, id, null]),
          )
        : [],
  };
}
