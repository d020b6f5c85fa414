/**
 * The chat API that most servers share, as a `TextApi`: bodies in the OpenAI format, chat chunks,
 * usage at the end of the stream, log-probabilities by text. A dialect says what is its own.
 */
import type { ChatRequest, SamplingOptions } from './dialect.ts';
import type { EventReader, Heard } from './hearing.ts';
import { asArray, asBytes, asNumber, asObject, asString, type JsonObject } from './json.ts';
import { openaiConstraints, openaiMessages, openaiTools, readChatChunk } from './openai.ts';
import type { ToldToken } from './text-level-pieces.ts';
import type { TextApi } from './text-level.ts';

export interface OpenAiWays {
  readonly model: string;
  /** @defaultValue /v1/chat/completions */
  readonly path?: string | ((request: ChatRequest) => string);
  /** The field under which reasoning is sent back. @defaultValue reasoning_content */
  readonly reasoningField?: string;
  /** The field for the token limit. @defaultValue max_tokens */
  readonly limitField?: string;
  /** True to ask for log-probabilities. @defaultValue false */
  readonly logprobs?: boolean;
  /** The fields for a schema of the content and for `toolChoice`. @defaultValue OpenAI's */
  readonly constraints?: (request: ChatRequest) => JsonObject;
  /** Added to the body; its `messages` take the place of the usual ones. */
  readonly more?: (request: ChatRequest, sampling: SamplingOptions) => JsonObject;
}

/** The API of a server that speaks OpenAI's chat completions. */
export function openaiApi(ways: OpenAiWays): TextApi {
  const { path = '/v1/chat/completions' } = ways;
  return {
    path: (request) => (typeof path === 'string' ? path : path(request)),
    body: (request, sampling) => openaiBody(ways, request, sampling),
    reader: openaiReader,
  };
}

function openaiBody(ways: OpenAiWays, request: ChatRequest, sampling: SamplingOptions): JsonObject {
  return {
    model: ways.model,
    messages: openaiMessages(request, ways.reasoningField ?? 'reasoning_content'),
    ...(request.tools.length === 0 ? {} : { tools: openaiTools(request.tools) }),
    ...(ways.constraints ?? openaiConstraints)(request),
    temperature: 0,
    [ways.limitField ?? 'max_tokens']: sampling.maxTokens,
    ...(sampling.stop === undefined ? {} : { stop: sampling.stop }),
    stream: true,
    stream_options: { include_usage: true },
    ...(ways.logprobs === true ? { logprobs: true, top_logprobs: Math.max(1, sampling.top) } : {}),
    ...ways.more?.(request, sampling),
  };
}

/** The messages with fields added to the trailing assistant message: how markers are sent. */
export function markedMessages(
  request: ChatRequest,
  reasoningField: string,
  marker: JsonObject,
): JsonObject[] {
  const messages = openaiMessages(request, reasoningField);
  const last = messages.at(-1);
  if (request.prefill === undefined || last === undefined) return messages;
  return [...messages.slice(0, -1), { ...last, ...marker }];
}

/** Reads chat chunks. `reasoning` and `reasoning_content` are both understood; usage may come with any chunk. */
export function openaiReader(): EventReader {
  return (event) => {
    const chunk = readChatChunk(event);
    const choice = asObject(asArray(event['choices'])[0]);
    return {
      reasoning: chunk?.reasoning,
      content: chunk?.content,
      toolCalls: chunk?.toolCalls,
      finish: chunk?.finish,
      tokens: readTold(choice?.['logprobs']),
      ...readUsage(asObject(event['usage']) ?? asObject(choice?.['usage'])),
    };
  };
}

/** Counts as `usage` states them. */
export function readUsage(
  usage: JsonObject | undefined,
): Pick<Heard, 'promptTokens' | 'cachedTokens' | 'generatedTokens'> {
  return {
    promptTokens: asNumber(usage?.['prompt_tokens']),
    cachedTokens:
      asNumber(asObject(usage?.['prompt_tokens_details'])?.['cached_tokens']) ??
      asNumber(usage?.['prompt_cache_hit_tokens']) ??
      asNumber(usage?.['cached_tokens']),
    generatedTokens: asNumber(usage?.['completion_tokens']),
  };
}

/** The lists of tokens in a chunk's `logprobs`: that of the reasoning first, where there is one. */
export function readTold(logprobs: unknown): ToldToken[] {
  const lists = asObject(logprobs);
  return [...asArray(lists?.['reasoning_content']), ...asArray(lists?.['content'])].flatMap(
    readToldToken,
  );
}

/** One token with its candidates; `bytes` where the server tells them, else those of its text. */
export function readToldToken(value: unknown): ToldToken[] {
  const entry = asObject(value);
  const bytes = bytesOfToken(entry);
  if (bytes === undefined) return [];
  return [
    {
      bytes,
      logprob: asNumber(entry?.['logprob']),
      top: asArray(entry?.['top_logprobs']).flatMap((one) => {
        const candidate = asObject(one);
        const own = bytesOfToken(candidate);
        const logprob = asNumber(candidate?.['logprob']);
        return own === undefined || logprob === undefined ? [] : [{ bytes: own, logprob }];
      }),
    },
  ];
}

function bytesOfToken(entry: JsonObject | undefined): Uint8Array | undefined {
  const text = asString(entry?.['token']);
  if (Array.isArray(entry?.['bytes'])) return asBytes(entry['bytes']);
  return text === undefined ? undefined : new TextEncoder().encode(text);
}
