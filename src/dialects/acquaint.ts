/** The first requests to a server: their failures say what to do. Shared by the dialects. */
import { createHash } from 'node:crypto';
import { SeamstressError } from '../errors.ts';
import type { HttpClient, HttpOptions } from '../wire/http.ts';
import { describeRefusal, Refusal } from '../wire/refusal.ts';
import type { ConnectOptions } from './dialect.ts';
import { asArray, asNumber, asObject, asString } from './json.ts';

/** A text whose tokens tell most tokenizers apart; its ids stand for the tokenizer in the record. */
export const TOKENIZER_PROBE =
  'Seams: 1,234.5 + don\'t  stop\n\n\tx  = "é", ñ, 中文分词, 日本語, 👩‍👩‍👧 🇯🇵\r\n<think></think> <|im_end|> </s> \u00a0…';

export function httpOptions(options: ConnectOptions): HttpOptions {
  return {
    url: options.url,
    ...(options.apiKey === undefined
      ? {}
      : { headers: { authorization: `Bearer ${options.apiKey}` } }),
    ...options.timeouts,
    ...(options.connections === undefined ? {} : { connections: options.connections }),
  };
}

/** A request of the first acquaintance. */
export interface Probe {
  /** What kind of server is expected there, for messages. */
  readonly kind: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
}

/**
 * Sends a request of the first acquaintance.
 *
 * @throws SeamstressError `target` with what to do, when the server refuses it
 */
export async function probe(
  http: HttpClient,
  { kind, method, path, body }: Probe,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    return (await http.json(method, path, body, signal)).body;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (isMissing(error))
      throw new SeamstressError('target', `${http.url} has no ${path} (HTTP ${error.status})`, {
        hint:
          path === '/tokenize'
            ? 'Token ids are needed to compare prompts; start the server with its tokenizer endpoint enabled.'
            : `Is this the root URL of a ${kind} server? Paths such as /v1 are added by seamstress.`,
        cause: error,
      });
    throw troubleOf(http, path, error);
  }
}

/** True for answers of a server that does not have the path. */
export function isMissing({ status }: Refusal): boolean {
  return status === 404 || status === 405 || status === 501;
}

/** What a refusal means that has nothing to do with the path. */
export function troubleOf(http: HttpClient, path: string, refusal: Refusal): SeamstressError {
  if (refusal.status === 401 || refusal.status === 403)
    return new SeamstressError('target', `${http.url} refuses us: ${describeRefusal(refusal)}`, {
      hint: 'Put the key into the environment variable SEAMSTRESS_API_KEY.',
      cause: refusal,
    });
  return new SeamstressError('target', `${http.url}${path} answered ${describeRefusal(refusal)}`, {
    hint: 'Wait until the server is ready, or look at its log.',
    cause: refusal,
  });
}

/** A model that a server serves. */
export interface ServedModel {
  /** As the server wants to be asked for it. */
  readonly id: string;
  /** For the record: the path of somebody's machine does not belong into a report. */
  readonly name: string;
  /** Where its files lie on the server's machine, as vLLM tells. */
  readonly root: string | undefined;
  /** Tokens of context, as vLLM tells. */
  readonly context: number | undefined;
}

/**
 * The model to ask for: the one that was named, else the first.
 *
 * @throws SeamstressError `target` when the server does not serve it
 */
export async function chooseModel(
  http: HttpClient,
  kind: string,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<ServedModel> {
  const reply = await probe(http, { kind, method: 'GET', path: '/v1/models' }, signal);
  const served = asArray(asObject(reply)?.['data']).flatMap((value) => {
    const entry = asObject(value);
    const known = { root: asString(entry?.['root']), context: asNumber(entry?.['max_model_len']) };
    return [asString(entry?.['id']), ...asArray(entry?.['aliases']).map(asString)]
      .filter((id) => id !== undefined)
      .map((id): ServedModel => ({ id, name: baseName(id), ...known }));
  });
  const first = served[0] ?? {
    id: 'unknown',
    name: 'unknown',
    root: undefined,
    context: undefined,
  };
  if (wanted === undefined) return first;
  const found =
    served.find(({ id }) => id === wanted) ?? served.find(({ name }) => name === wanted);
  if (served.length > 0 && found === undefined)
    throw new SeamstressError('target', `${http.url} does not serve the model "${wanted}"`, {
      hint: `It serves: ${[...new Set(served.map(({ name }) => name))].join(', ')}.`,
    });
  return { ...(found ?? { ...first, id: wanted }), name: wanted };
}

/** Servers name a model by its path. */
function baseName(model: string): string {
  return model.split(/[/\\]/).at(-1) ?? model;
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
