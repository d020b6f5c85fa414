/**
 * Ollama, by its source of August 2026: the native chat (`server/routes.go`), the OpenAI-compatible
 * one over it (`openai/openai.go`), and the prompt of a Qwen3 model (`model/renderers/qwen3vl.go`):
 *
 * - the turn of a trailing assistant message is left open;
 * - line breaks around its thinking are trimmed, and those at the start of its content;
 * - on a model that thinks, a message without thinking gets an empty think block;
 * - with thinking switched off, a trailing message does not get the empty think block that a new
 *   turn gets;
 * - a tool call is sent whole.
 */
import { asArray, asObject, asString, type JsonObject } from '../../dialects/json.ts';
import { MODEL_NAME, type Account } from '../accounting.ts';
import { ApiError } from '../api-error.ts';
import { templateMessage } from '../chat-request.ts';
import type { Ended, Engine } from '../engine.ts';
import { LineStream, sendJson } from '../http.ts';
import type { Piece } from '../parse.ts';
import { readInteger, readStops } from '../sampling.ts';
import {
  endsWithAssistant,
  messagesOf,
  telling,
  type HostedPrompt,
  type Telling,
} from './hosted.ts';
import { sendAnswer } from './openai-answer.ts';
import type { Exchange, Persona } from './persona.ts';
import { RAW, tell } from './telling.ts';
import { textLogprob } from './text-logprob.ts';

export const ollama: Persona = {
  name: 'ollama',
  dialect: 'ollama',
  sources: [
    'ollama server/routes.go, openai/openai.go, api/types.go, model/renderers/qwen3vl.go at fb30760',
  ],
  lacks: [
    'the think tag that a Qwen3 thinking model has in its prompt: this model writes its own',
    'loading, creating and pulling models',
  ],
  routes: (engine) => ({
    'GET /api/version': ({ response }) => sendJson(response, 200, { version: '0.0.0-reference' }),
    'GET /api/tags': ({ response }) =>
      sendJson(response, 200, { models: [{ name: MODEL_NAME, model: MODEL_NAME }] }),
    'GET /v1/models': ({ response }) =>
      sendJson(response, 200, {
        object: 'list',
        data: [{ id: MODEL_NAME, object: 'model', owned_by: 'library' }],
      }),
    'POST /api/generate': (exchange) => answerRaw(engine, exchange),
    'POST /api/chat': (exchange) => answerNative(engine, exchange),
    'POST /v1/chat/completions': (exchange) => answerOpenAi(engine, exchange),
  }),
  errorBody: ({ message }) => ({ error: message }),
};

/** A request as the renderer takes it; `thinking` is a field of messages. */
interface OllamaRequest {
  readonly messages: readonly JsonObject[];
  readonly tools: readonly unknown[];
  readonly think: boolean;
}

/** The prompt's text, and what of the answer is already in it. */
function render(
  engine: Engine,
  { messages, tools, think }: OllamaRequest,
): { text: string; prefill: string } {
  const resumes = endsWithAssistant(messages);
  const past = (resumes ? messages.slice(0, -1) : messages).map(({ thinking, ...message }) =>
    templateMessage({
      ...message,
      ...(thinking === undefined ? {} : { reasoning_content: thinking }),
    }),
  );
  const header = engine.template.render({
    messages: past,
    tools: [...tools],
    kwargs: { enable_thinking: think },
    addGenerationPrompt: true,
  });
  const last = messages.at(-1);
  if (!resumes || last === undefined) return { text: header, prefill: '' };
  const bare = engine.template.render({
    messages: past,
    tools: [...tools],
    kwargs: { enable_thinking: true },
    addGenerationPrompt: true,
  });
  const prefill = prefillOf(last, think);
  return { text: bare + prefill, prefill };
}

function prefillOf(message: JsonObject, think: boolean): string {
  const content = asString(message['content']) ?? '';
  const calls = asArray(message['tool_calls']).map((call, i) => {
    const fn = asObject(asObject(call)?.['function']);
    const before = i > 0 || content !== '' ? '\n' : '';
    const name = asString(fn?.['name']) ?? '';
    return `${before}<tool_call>\n{"name": "${name}", "arguments": ${JSON.stringify(fn?.['arguments'])}}\n</tool_call>`;
  });
  if (!think) return content + calls.join('');
  const thought = `<think>\n${(asString(message['thinking']) ?? '').replaceAll(/^\n+|\n+$/g, '')}`;
  const said = content === '' ? '' : `\n</think>\n\n${content.replace(/^\n+/, '')}`;
  return thought + said + calls.join('');
}

function promptOf(engine: Engine, request: OllamaRequest): HostedPrompt {
  const { text, prefill } = render(engine, request);
  return { ids: engine.vocabulary.encode(text, { control: true }), prefill };
}

async function answerNative(engine: Engine, exchange: Exchange): Promise<void> {
  const { body, response } = exchange;
  const head = { model: MODEL_NAME, created_at: new Date().toISOString() };
  const think = body['think'] ?? true;
  const tools = asArray(body['tools']);
  const request = { messages: messagesOf(body), tools, think: think !== false };
  if (body['_debug_render_only'] === true)
    return sendJson(response, 200, {
      ...head,
      _debug_info: { rendered_template: render(engine, request).text },
    });
  if (request.messages.length === 0)
    throw new ApiError(400, 'messages: this model is loaded by another request here');
  const options = asObject(body['options']) ?? {};
  const top = body['logprobs'] === true ? readInteger(body, ['top_logprobs'], 1) : 0;
  const { account, steps, finishOf } = telling(engine, exchange, promptOf(engine, request), tools, {
    limit: readInteger(options, ['num_predict'], -1),
    stop: readStops(options),
    top,
  });
  const answer: Answer = { head, account, top };
  const end = (ended: Ended): object => ({
    done: true,
    done_reason: finishOf(ended) === 'length' ? 'length' : 'stop',
    prompt_eval_count: account.promptLength,
    eval_count: account.predicted,
  });
  if (body['stream'] === false) await sendWhole(engine, response, steps, answer, end);
  else await sendLines(engine, response, steps, answer, end);
}

/** A prompt as text: neither template nor parser sees it. */
async function answerRaw(engine: Engine, { body, response, pace }: Exchange): Promise<void> {
  if (body['raw'] !== true) throw new ApiError(400, 'this persona plays raw prompts only');
  const ids = engine.vocabulary.encode(asString(body['prompt']) ?? '', { control: true });
  const options = asObject(body['options']) ?? {};
  const top = body['logprobs'] === true ? readInteger(body, ['top_logprobs'], 1) : 0;
  const limit = readInteger(options, ['num_predict'], -1);
  const lines = new LineStream(response);
  const head = { model: MODEL_NAME, created_at: new Date().toISOString() };
  const asked = { limit, stop: readStops(options), top };
  for await (const { step, pieces } of tell(engine, pace, ids, asked, RAW)) {
    if (step.released.text !== '')
      await lines.send({
        ...head,
        response: step.released.text,
        done: false,
        ...(top > 0 ? { logprobs: [textLogprob(engine, step, pieces[0])] } : {}),
      });
    if (step.ended === undefined) continue;
    await lines.send({
      ...head,
      response: '',
      done: true,
      done_reason: step.ended.type === 'limit' ? 'length' : 'stop',
      prompt_eval_count: ids.length,
      eval_count: step.place,
    });
    lines.end();
  }
}

interface Answer {
  readonly head: object;
  readonly account: Account;
  /** Candidates to tell of each token; 0 tells nothing of it. */
  readonly top: number;
}

type EndOf = (ended: Ended) => object;

async function sendLines(
  engine: Engine,
  response: Exchange['response'],
  steps: Telling['steps'],
  { head, account, top }: Answer,
  end: EndOf,
): Promise<void> {
  const lines = new LineStream(response);
  const calls = new WholeCalls();
  for await (const { step, pieces } of steps) {
    account.count(step);
    for (const message of calls.messages(pieces, step.ended !== undefined))
      await lines.send({
        ...head,
        message: { role: 'assistant', content: '', ...message },
        done: false,
        ...(top > 0 && pieces.length === 1
          ? { logprobs: [textLogprob(engine, step, pieces[0])] }
          : {}),
      });
    if (step.ended === undefined) continue;
    await lines.send({
      ...head,
      message: { role: 'assistant', content: '' },
      ...end(step.ended),
    });
    lines.end();
  }
}

async function sendWhole(
  engine: Engine,
  response: Exchange['response'],
  steps: Telling['steps'],
  { head, account, top }: Answer,
  end: EndOf,
): Promise<void> {
  const calls = new WholeCalls();
  const parts: JsonObject[] = [];
  const logprobs: object[] = [];
  for await (const { step, pieces } of steps) {
    account.count(step);
    parts.push(...calls.messages(pieces, step.ended !== undefined));
    if (top > 0 && pieces.length === 1) logprobs.push(textLogprob(engine, step, pieces[0]));
    if (step.ended === undefined) continue;
    const joined = (field: string): string =>
      parts.map((part) => asString(part[field]) ?? '').join('');
    const toolCalls = parts.flatMap((part) => asArray(part['tool_calls']));
    sendJson(response, 200, {
      ...head,
      message: {
        role: 'assistant',
        content: joined('content'),
        ...(joined('thinking') === '' ? {} : { thinking: joined('thinking') }),
        ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
      },
      ...end(step.ended),
      ...(top > 0 ? { logprobs } : {}),
    });
  }
}

async function answerOpenAi(engine: Engine, exchange: Exchange): Promise<void> {
  const { body } = exchange;
  const messages = messagesOf(body).map(({ reasoning, ...message }) => ({
    ...message,
    ...(reasoning === undefined ? {} : { thinking: reasoning }),
  }));
  const tools = asArray(body['tools']);
  const think = body['reasoning_effort'] !== 'none';
  const prompt = promptOf(engine, { messages, tools, think });
  await sendAnswer(engine, exchange, prompt, tools, { reasoningField: 'reasoning' });
}

/** Tool calls are held back until they are whole. */
class WholeCalls {
  #name: string | undefined;
  #text = '';

  messages(pieces: readonly Piece[], over: boolean): JsonObject[] {
    const messages: JsonObject[] = [];
    for (const piece of pieces) {
      if (piece.kind !== 'arguments') messages.push(...this.#flush());
      if (piece.kind === 'call') this.#name = piece.name;
      else if (piece.kind === 'arguments') this.#text += piece.text;
      else
        messages.push(
          piece.kind === 'content' ? { content: piece.text } : { thinking: piece.text },
        );
    }
    return over ? [...messages, ...this.#flush()] : messages;
  }

  /** A call whose arguments are not whole is not sent at all. */
  #flush(): JsonObject[] {
    const [name, text] = [this.#name, this.#text];
    this.#name = undefined;
    this.#text = '';
    if (name === undefined) return [];
    try {
      return [{ tool_calls: [{ function: { name, arguments: JSON.parse(text) as unknown } }] }];
    } catch {
      return [];
    }
  }
}
