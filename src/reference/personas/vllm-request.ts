/** How vLLM 0.32 reads the part of a chat or tokenize request that decides its prompt. */
import { asArray, asObject, asString, type JsonObject } from '../../dialects/json.ts';
import { ApiError } from '../api-error.ts';
import { textOf } from '../chat-request.ts';
import type { Engine } from '../engine.ts';
import { renderContinued } from './continue-final.ts';

const NOT_COMPATIBLE =
  'continue_final_message and add_generation_prompt are not compatible. Use continue_final_message ' +
  'when you want the model to continue the final message, and add_generation_prompt when you want ' +
  'to add a header that will prompt it to start a new assistant message instead.';

/** What of a request the template is given. */
interface PromptRequest {
  readonly messages: readonly JsonObject[];
  readonly tools: readonly unknown[];
  readonly kwargs: JsonObject;
  readonly addGenerationPrompt: boolean;
  readonly continueFinal: boolean;
}

/**
 * Reads a request.
 *
 * @param reads which reasoning fields reach the template: chat reads both names, `/tokenize` only
 * `reasoning`
 * @throws {ApiError} in vLLM's and transformers' words
 */
export function readVllmRequest(body: JsonObject, reads: 'chat' | 'tokenize'): PromptRequest {
  const problems = reads === 'tokenize' ? [missing('prompt', body)] : [];
  if (body['messages'] === undefined) problems.push(missing('messages', body));
  const continueFinal = readFlag(body, 'continue_final_message', false, problems);
  const addGenerationPrompt = readFlag(body, 'add_generation_prompt', true, problems);
  for (const [i, message] of asArray(body['messages']).entries())
    if (asString(asObject(message)?.['role']) === undefined)
      problems.push(missing(`messages.${i}.role`, asObject(message) ?? {}));
  if (problems.length > (reads === 'tokenize' ? 1 : 0)) throw invalid(problems);
  if (continueFinal && body['add_generation_prompt'] !== undefined && addGenerationPrompt)
    throw new ApiError(
      400,
      'Cannot set both `continue_final_message` and `add_generation_prompt` to True.',
    );
  if (continueFinal && addGenerationPrompt) throw new ApiError(400, NOT_COMPATIBLE);
  const messages = asArray(body['messages']).map((value) => templateMessage(value, reads));
  if (messages.length === 0)
    throw new ApiError(
      400,
      'Cannot apply chat template to an empty conversation. Provide at least one message.',
    );
  return {
    messages,
    tools: asArray(body['tools']).map(templateTool),
    kwargs: asObject(body['chat_template_kwargs']) ?? {},
    addGenerationPrompt,
    continueFinal,
  };
}

/** The prompt's text. */
export function renderVllm(engine: Engine, request: PromptRequest): string {
  const { continueFinal, ...input } = request;
  return continueFinal ? renderContinued(engine.template, input) : engine.template.render(input);
}

/** The prompt's ids: the tokenizer file's NFC is applied. */
export function encodeNormalized(engine: Engine, text: string): readonly number[] {
  return engine.encode(text.normalize('NFC'));
}

interface Problem {
  readonly type: string;
  readonly loc: string;
  readonly text: string;
}

function missing(field: string, body: JsonObject): Problem {
  const input = `<dict of ${Object.keys(body).length} items>`;
  return {
    type: 'missing',
    loc: `body.${field}`,
    text: `{'type': 'missing', 'loc': 'body.${field}', 'msg': 'Field required', 'input': '${input}'}`,
  };
}

const TRUE = new Set<unknown>([true, 1, '1', 'true', 'True', 'TRUE', 't', 'y', 'yes', 'on']);
const FALSE = new Set<unknown>([false, 0, '0', 'false', 'False', 'FALSE', 'f', 'n', 'no', 'off']);

/** A boolean as pydantic takes it. */
function readFlag(
  body: JsonObject,
  field: string,
  fallback: boolean,
  problems: Problem[],
): boolean {
  const value = body[field];
  if (value === undefined) return fallback;
  if (TRUE.has(value) || FALSE.has(value)) return TRUE.has(value);
  const type =
    typeof value === 'string' || typeof value === 'number' ? 'bool_parsing' : 'bool_type';
  const msg =
    type === 'bool_parsing'
      ? 'Input should be a valid boolean, unable to interpret input'
      : 'Input should be a valid boolean';
  const input = typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
  const loc = `body.${field}`;
  problems.push({
    type,
    loc,
    text: `{'type': '${type}', 'loc': '${loc}', 'msg': '${msg}', 'input': ${input}}`,
  });
  return fallback;
}

function invalid(problems: readonly Problem[]): ApiError {
  const head =
    problems.length === 1 ? '1 validation error:' : `${problems.length} validation errors:`;
  const message = [head, ...problems.map(({ text }) => `  ${text}`)].join('\n');
  return new ApiError(400, message, 'Bad Request', { param: problems[0]?.loc });
}

/** A message as the template takes it: contents are texts, call arguments objects. */
function templateMessage(value: unknown, reads: 'chat' | 'tokenize'): JsonObject {
  const { reasoning_content: named, reasoning, tool_calls: calls, ...rest } = asObject(value) ?? {};
  const role = rest['role'] === 'developer' ? 'system' : rest['role'];
  const thought = asString(reasoning) ?? (reads === 'chat' ? asString(named) : undefined);
  return {
    ...rest,
    role,
    content: textOf(rest['content']),
    ...(thought === undefined ? {} : { reasoning: thought, reasoning_content: thought }),
    ...(asArray(calls).length === 0 ? {} : { tool_calls: asArray(calls).map(templateCall) }),
  };
}

/** Arguments that are no JSON are left out in silence. */
function templateCall(value: unknown): unknown {
  const call = asObject(value);
  const called = asObject(call?.['function']);
  const text = asString(called?.['arguments']);
  if (text === undefined) return value;
  let parsed: unknown = {};
  try {
    parsed = JSON.parse(text);
  } catch {
    // As vLLM does.
  }
  return { ...call, function: { ...called, arguments: parsed } };
}

function templateTool(value: unknown): unknown {
  const tool = asObject(value);
  const {
    name,
    description = null,
    parameters = null,
    ...rest
  } = asObject(tool?.['function']) ?? {};
  return { ...tool, function: { name, description, parameters, ...rest } };
}
