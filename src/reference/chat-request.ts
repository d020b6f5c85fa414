/**
 * Reading the part of a chat request that decides its prompt: messages, tools, template arguments
 * and the continuation flags. `/apply-template` and `/v1/chat/completions` share it.
 */
import { asArray, asObject, asString, type JsonObject } from '../dialects/json.ts';
import { ApiError } from './api-error.ts';

/** The trailing assistant message of a request: what is to be continued. */
export interface TrailingMessage {
  readonly reasoning: string;
  readonly content: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
}

/** Which part a client says that it continues; undefined when it leaves that to the server. */
type Continue = 'content' | 'reasoning_content' | undefined;

export interface ChatRequest {
  /** The conversation without the trailing assistant message, as the template takes it. */
  readonly messages: readonly JsonObject[];
  readonly tools: readonly unknown[];
  readonly kwargs: JsonObject;
  readonly trailing: TrailingMessage | undefined;
  readonly continues: Continue;
  readonly addGenerationPrompt: boolean;
  /** Everything that decides the prompt, as one text: equal for equal prompts. */
  readonly key: string;
}

/**
 * Reads a chat body.
 *
 * @throws {ApiError} as llama.cpp refuses it; in addition, `continue_final_message` without a
 * trailing assistant message is refused (llama.cpp goes on with the user's text there).
 */
export function readChatRequest(body: JsonObject): ChatRequest {
  const list = body['messages'];
  if (list === undefined) throw new ApiError(400, "'messages' is required");
  if (!Array.isArray(list)) throw new ApiError(400, "Expected 'messages' to be an array");
  const { continues, flagged, addGenerationPrompt } = readFlags(body);
  const raw = list.map(checkMessage);
  const last = raw.at(-1);
  const trailing = last?.['role'] === 'assistant' ? readTrailing(last) : undefined;
  if (trailing !== undefined && raw.at(-2)?.['role'] === 'assistant')
    throw new ApiError(400, 'Cannot have 2 or more assistant messages at the end of the list.');
  if (flagged && trailing === undefined)
    throw new ApiError(
      400,
      'Cannot set `continue_final_message` to True when the last message is not from the assistant.',
    );
  const messages = (trailing === undefined ? raw : raw.slice(0, -1)).map(templateMessage);
  const tools = asArray(body['tools']);
  const kwargs = asObject(body['chat_template_kwargs']) ?? {};
  const key = JSON.stringify([messages, tools, kwargs, trailing, continues, addGenerationPrompt]);
  return { messages, tools, kwargs, trailing, continues, addGenerationPrompt, key };
}

function readFlags(body: JsonObject): {
  continues: Continue;
  flagged: boolean;
  addGenerationPrompt: boolean;
} {
  const wanted = body['continue_final_message'] ?? false;
  if (typeof wanted !== 'boolean' && wanted !== 'content' && wanted !== 'reasoning_content')
    throw new ApiError(
      400,
      'Invalid continue_final_message: expected a boolean, "content" or "reasoning_content"',
    );
  const addGenerationPrompt = body['add_generation_prompt'] ?? true;
  if (typeof addGenerationPrompt !== 'boolean')
    throw new ApiError(400, "Field 'add_generation_prompt': type must be boolean");
  if (wanted !== false && addGenerationPrompt)
    throw new ApiError(
      400,
      'Cannot set both add_generation_prompt and continue_final_message to true.',
    );
  return {
    continues: typeof wanted === 'string' ? wanted : undefined,
    flagged: wanted !== false,
    addGenerationPrompt,
  };
}

export function checkMessage(value: unknown): JsonObject {
  const message = asObject(value);
  if (message === undefined)
    throw new ApiError(400, "Expected 'messages' to be an array of objects");
  if (asString(message['role']) === undefined)
    throw new ApiError(
      500,
      `Failed to parse messages: Missing 'role' in message: ${JSON.stringify(message)}`,
    );
  const hasContent = message['content'] !== undefined;
  if (message['role'] !== 'assistant' && !hasContent)
    throw new ApiError(400, "All non-assistant messages must contain 'content'");
  if (!hasContent && message['tool_calls'] === undefined)
    throw new ApiError(400, "Assistant message must contain either 'content' or 'tool_calls'!");
  return message;
}

/** A message's text; the text parts of a list are joined by line breaks, as llama.cpp does. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return asArray(content)
    .map((part) => {
      const text = asObject(part)?.['text'];
      if (typeof text !== 'string') throw new ApiError(400, 'unsupported content[].type');
      return text;
    })
    .join('\n');
}

export function readTrailing(message: JsonObject): TrailingMessage {
  return {
    reasoning: asString(message['reasoning_content']) ?? '',
    content: textOf(message['content']),
    calls: asArray(message['tool_calls']).map((call) => {
      const called = asObject(asObject(call)?.['function']);
      const args = called?.['arguments'];
      return {
        name: asString(called?.['name']) ?? '',
        arguments: typeof args === 'string' ? args : JSON.stringify(args ?? {}),
      };
    }),
  };
}

/** A past message as the template takes it: contents are texts, call arguments are objects. */
export function templateMessage(message: JsonObject): JsonObject {
  const calls = asArray(message['tool_calls']);
  return {
    ...message,
    role: message['role'] === 'developer' ? 'system' : message['role'],
    content: textOf(message['content']),
    ...(calls.length === 0 ? {} : { tool_calls: calls.map(templateCall) }),
  };
}

function templateCall(value: unknown): unknown {
  const call = asObject(value);
  const called = asObject(call?.['function']);
  if (typeof called?.['arguments'] !== 'string') return value;
  try {
    return {
      ...call,
      function: { ...called, arguments: JSON.parse(called['arguments']) as unknown },
    };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new ApiError(500, `Failed to parse tool call arguments as JSON: ${detail}`);
  }
}
