/**
 * The prompt that an engine makes of a request body as it stands: what a hop forwarded is rendered
 * by the engine itself, without reading the body into a `ChatRequest` and writing it anew.
 */
import { SeamstressError } from '../errors.ts';
import type { HttpClient } from '../wire/http.ts';
import { Refusal } from '../wire/refusal.ts';
import { isMissing } from './acquaint.ts';
import { asArray, asIds, asNumber, asObject, asString, type JsonObject } from './json.ts';
import { CHAT_PATH } from './openai.ts';

export { CHAT_PATH };

/** What is known of the prompt of a body. */
export interface RenderedBody {
  /** Undefined where the engine tells only how many there are. */
  readonly ids: readonly number[] | undefined;
  readonly count: number;
  readonly text: string | undefined;
}

/** Gives the prompt of a body; throws `Refusal` when the engine refuses it. */
export type RenderBody = (
  path: string,
  body: JsonObject,
  signal: AbortSignal,
) => Promise<RenderedBody>;

export const MESSAGES_PATH = '/v1/messages';

/** The renderer of an engine that speaks a dialect; undefined for dialects that cannot tell. */
export function bodyRenderer(dialect: string, http: HttpClient): RenderBody | undefined {
  if (dialect === 'llama.cpp') return (path, body, signal) => onLlamacpp(http, path, body, signal);
  if (dialect === 'vllm') return (path, body, signal) => onVllm(http, path, body, signal);
  return undefined;
}

async function onLlamacpp(
  http: HttpClient,
  path: string,
  body: JsonObject,
  signal: AbortSignal,
): Promise<RenderedBody> {
  if (path !== CHAT_PATH) return await counted(http, path, body, signal);
  const applied = asObject((await http.json('POST', '/apply-template', body, signal)).body);
  const text = asString(applied?.['prompt']);
  if (text === undefined)
    throw new SeamstressError('target', '/apply-template answered without a prompt');
  const asked = { content: text, add_special: false, parse_special: true };
  const reply = asObject((await http.json('POST', '/tokenize', asked, signal)).body);
  const ids = asIds(reply?.['tokens']);
  if (ids === undefined) throw new SeamstressError('target', '/tokenize answered without tokens');
  return { ids, count: ids.length, text };
}

/** Chat is really asked, since `/tokenize` does not read every field of a message that chat reads. */
async function onVllm(
  http: HttpClient,
  path: string,
  body: JsonObject,
  signal: AbortSignal,
): Promise<RenderedBody> {
  let ids: readonly number[] | undefined;
  if (path === CHAT_PATH) {
    const asked = { ...body, max_tokens: 1, stream: false, return_token_ids: true };
    ids = asIds(
      asObject((await http.json('POST', path, asked, signal)).body)?.['prompt_token_ids'],
    );
  } else ids = await renderedByVllm(http, path, body, signal);
  if (ids === undefined) return await counted(http, path, body, signal);
  const back = { model: body['model'], tokens: ids };
  const reply = asObject((await http.json('POST', '/detokenize', back, signal)).body);
  return { ids, count: ids.length, text: asString(reply?.['prompt']) };
}

/** vLLM's render endpoints, which older versions lack and newer ones refuse (403) unless started with `--enable-scale-out`. */
async function renderedByVllm(
  http: HttpClient,
  path: string,
  body: JsonObject,
  signal: AbortSignal,
): Promise<readonly number[] | undefined> {
  try {
    const { body: told } = await http.json('POST', `${path}/render`, body, signal);
    return asIds(asObject(told)?.['token_ids']) ?? asIds(asObject(asArray(told)[0])?.['token_ids']);
  } catch (error) {
    if (error instanceof Refusal && (isMissing(error) || error.status === 403)) return undefined;
    throw error;
  }
}

/** Where nothing else is told: the number of prompt tokens of a request for one token. */
async function counted(
  http: HttpClient,
  path: string,
  body: JsonObject,
  signal: AbortSignal,
): Promise<RenderedBody> {
  const asked = { ...body, max_tokens: 1, stream: false };
  const usage = asObject(asObject((await http.json('POST', path, asked, signal)).body)?.['usage']);
  const parts = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].map(
    (name) => asNumber(usage?.[name]) ?? 0,
  );
  const count = asNumber(usage?.['prompt_tokens']) ?? parts.reduce((sum, part) => sum + part, 0);
  return { ids: undefined, count, text: undefined };
}
