/**
 * What the OpenAI-compatible dialects share: the message format on the way in and the chat
 * chunks on the way out.
 */
import type { Message, ToolDefinition } from '../scenario/schema.ts';
import type { Candidates } from '../seam/candidates.ts';
import type { Delta, TokenEvent, ToolCallDelta, ToolCallView } from '../seam/generation.ts';
import type { ChatRequest, PlacedToken, Prefill } from './dialect.ts';
import { asArray, asNumber, asObject, asString, type JsonObject } from './json.ts';
import { Pieces } from './pieces.ts';

export const CHAT_PATH = '/v1/chat/completions';

/** The messages of a request in the OpenAI format, with the prefill as a trailing assistant message. */
export function openaiMessages(request: ChatRequest, reasoningField: string): JsonObject[] {
  const messages = request.messages.map((message) => openaiMessage(message, reasoningField));
  if (request.prefill !== undefined) messages.push(prefillMessage(request.prefill, reasoningField));
  return messages;
}

function openaiMessage(message: Message, reasoningField: string): JsonObject {
  return {
    role: message.role,
    content: message.content,
    ...(message.reasoning === undefined ? {} : { [reasoningField]: message.reasoning }),
    ...(message.toolCalls === undefined ? {} : { tool_calls: openaiToolCalls(message.toolCalls) }),
    ...(message.toolCallId === undefined ? {} : { tool_call_id: message.toolCallId }),
  };
}

function prefillMessage(prefill: Prefill, reasoningField: string): JsonObject {
  return {
    role: 'assistant',
    content: prefill.content,
    ...(prefill.reasoning === undefined ? {} : { [reasoningField]: prefill.reasoning }),
    ...(prefill.toolCalls === undefined ? {} : { tool_calls: openaiToolCalls(prefill.toolCalls) }),
    ...prefill.wire,
  };
}

function openaiToolCalls(
  calls: readonly (Omit<ToolCallView, 'id'> & { id?: string | undefined })[],
): JsonObject[] {
  return calls.map((call, i) => ({
    id: call.id ?? `call_${i}`,
    type: 'function',
    function: { name: call.name, arguments: call.arguments },
  }));
}

export function openaiTools(tools: readonly ToolDefinition[]): JsonObject[] {
  return tools.map((tool) => ({ type: 'function', function: { ...tool } }));
}

/** What constrains the answer, as OpenAI's API has it; llama.cpp and vLLM take the same fields. */
export function openaiConstraints({ toolChoice, responseFormat }: ChatRequest): JsonObject {
  return {
    ...(toolChoice === undefined ? {} : { tool_choice: toolChoice }),
    ...(responseFormat === undefined
      ? {}
      : {
          response_format: {
            type: 'json_schema',
            json_schema: { ...responseFormat, strict: true },
          },
        }),
  };
}

/** The part of a chat chunk's first choice that every dialect reads. */
export interface ChatChunk {
  readonly reasoning: string | undefined;
  readonly content: string | undefined;
  readonly toolCalls: readonly ToolCallDelta[] | undefined;
  readonly finish: string | undefined;
  readonly logprobs: readonly TokenEvent[];
}

/** Reads one chunk; `reasoning` and `reasoning_content` are both understood. */
export function readChatChunk(chunk: JsonObject): ChatChunk | undefined {
  return readChoice(chunk, 'delta');
}

/** Reads an answer in one piece, as a chunk that holds all of it. */
export function readWhole(answer: JsonObject): ChatChunk | undefined {
  return readChoice(answer, 'message');
}

function readChoice(said: JsonObject, field: 'delta' | 'message'): ChatChunk | undefined {
  const choice = asObject(asArray(said['choices'])[0]);
  if (choice === undefined) return undefined;
  const delta = asObject(choice[field]) ?? {};
  const told = asObject(choice['logprobs']);
  return {
    reasoning: asString(delta['reasoning_content']) ?? asString(delta['reasoning']),
    content: asString(delta['content']),
    toolCalls: readToolCalls(delta['tool_calls']),
    finish: asString(choice['finish_reason']),
    logprobs: told === undefined ? [] : readLogprobs(told['content']),
  };
}

function readToolCalls(value: unknown): readonly ToolCallDelta[] | undefined {
  const calls = asArray(value);
  return calls.length === 0 ? undefined : calls.flatMap((call, i) => readToolCallDelta(call, i));
}

function readToolCallDelta(value: unknown, position: number): ToolCallDelta[] {
  const call = asObject(value);
  if (call === undefined) return [];
  const fn = asObject(call['function']) ?? {};
  const id = asString(call['id']);
  const name = asString(fn['name']);
  const args = asString(fn['arguments']);
  return [
    {
      index: asNumber(call['index']) ?? position,
      ...(id === undefined ? {} : { id }),
      ...(name === undefined ? {} : { name }),
      ...(args === undefined ? {} : { arguments: args }),
    },
  ];
}

const PIECES = new Pieces();

/** A log-probability list with ids, as llama.cpp gives it; entries without an id are skipped. */
export function readLogprobs(list: unknown): TokenEvent[] {
  const tokens: TokenEvent[] = [];
  for (const value of asArray(list)) {
    const entry = asObject(value);
    const id = asNumber(entry?.['id']);
    if (entry === undefined || id === undefined) continue;
    const bytes = PIECES.read(id, entry['bytes']);
    const top = readCandidates(entry['top_logprobs'], idOfCandidate);
    tokens.push(tokenEvent(id, bytes, asNumber(entry['logprob']), top));
  }
  return tokens;
}

/** A token of a stream. Every token is made here, and a literal is several times as fast as spreading. */
export function tokenEvent(
  id: number,
  bytes: Uint8Array,
  logprob: number | undefined,
  top: Candidates,
): TokenEvent {
  if (logprob === undefined) return top.length === 0 ? { id, bytes } : { id, bytes, top };
  return top.length === 0 ? { id, bytes, logprob } : { id, bytes, logprob, top };
}

/** The same token at its place in a stream; a literal too, for the same reason. */
export function placedToken(token: TokenEvent, place: number): PlacedToken {
  const { id, bytes, logprob, top } = token;
  return logprob === undefined || top === undefined
    ? { ...token, place }
    : { id, bytes, logprob, top, place };
}

/** The candidates of a list that can be read, in its order. */
export function readCandidates(
  list: unknown,
  idOf: (candidate: JsonObject) => number | undefined,
): Candidates {
  const all: number[] = [];
  for (const value of asArray(list)) {
    const candidate = asObject(value);
    const id = candidate === undefined ? undefined : idOf(candidate);
    const logprob = asNumber(candidate?.['logprob']);
    if (id === undefined || logprob === undefined) continue;
    all.push(id, logprob);
  }
  // A list that has grown keeps room for more; its copy does not.
  return all.slice();
}

function idOfCandidate(candidate: JsonObject): number | undefined {
  return asNumber(candidate['id']);
}

/** The delta that a chunk adds to the client's view, or undefined when it carries no text. */
export function deltaOf(
  chunk: Partial<Pick<ChatChunk, 'reasoning' | 'content' | 'toolCalls'>>,
  after: number,
): Delta | undefined {
  const reasoning =
    chunk.reasoning === undefined || chunk.reasoning === '' ? undefined : chunk.reasoning;
  const content = chunk.content === undefined || chunk.content === '' ? undefined : chunk.content;
  if (reasoning === undefined && content === undefined && chunk.toolCalls === undefined)
    return undefined;
  const { toolCalls } = chunk;
  // Nearly every delta has one text.
  if (toolCalls === undefined && reasoning === undefined && content !== undefined)
    return { after, content };
  if (toolCalls === undefined && content === undefined && reasoning !== undefined)
    return { after, reasoning };
  return {
    after,
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(content === undefined ? {} : { content }),
    ...(toolCalls === undefined ? {} : { toolCalls }),
  };
}
