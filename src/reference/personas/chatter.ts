/**
 * A chat of which other APIs are made: `/v1/messages` and `/v1/responses` become chat requests, as
 * llama.cpp and vLLM make them.
 */
import { asObject, type JsonObject } from '../../dialects/json.ts';
import type { Exchange } from './persona.ts';

/** The chat of a persona, and what it makes of requests in other forms. */
export interface Chatter {
  /** The field in which its chat reads and tells reasoning. */
  readonly reasoningField: string;
  /** Whether an item that is in progress asks for the continuation flags. */
  readonly readsStatus: boolean;
  /** Whether a response that ended at its limit says so. */
  readonly tellsLimit: boolean;
  chat(exchange: Exchange): Promise<void>;
  /** Tokens of a chat request's prompt. */
  count(body: JsonObject): number;
}

/** The part of a request that each API has in fields of its own. */
interface Asked {
  readonly messages: readonly JsonObject[];
  readonly limit: unknown;
  readonly stop: unknown;
  /** A tool as a chat has it. */
  readonly tool: (value: unknown) => JsonObject;
  /** Where the API has the format of the answer. */
  readonly format: JsonObject | undefined;
}

/** The chat request that a request in another form becomes. */
export function chatOf(
  body: JsonObject,
  { messages, limit, stop, tool, format }: Asked,
): JsonObject {
  return {
    model: body['model'],
    messages,
    max_tokens: limit,
    temperature: body['temperature'],
    stop,
    ...(Array.isArray(body['tools']) ? { tools: body['tools'].map(tool) } : {}),
    ...(format === undefined
      ? {}
      : { response_format: { type: 'json_schema', json_schema: { schema: format['schema'] } } }),
    chat_template_kwargs: body['chat_template_kwargs'],
    cache_salt: body['cache_salt'],
    stream: body['stream'] === true,
    stream_options: { include_usage: true },
  };
}

/** The format of an answer, under the field of an API. */
export function formatIn(body: JsonObject, field: string): JsonObject | undefined {
  return asObject(asObject(body[field])?.['format']);
}
