/** Connects to a server that is judged by its text: its key, its model, its tokenizer. */
import { SeamstressError } from '../errors.ts';
import { loadTokenizer } from '../tokens/tokenizer.ts';
import { parseAddress } from '../wire/address.ts';
import { HttpClient } from '../wire/http.ts';
import { chooseModel, httpOptions } from './acquaint.ts';
import type { Ask, Capabilities, ChatRequest, ConnectOptions, Hosted } from './dialect.ts';
import { identityOf } from './identity.ts';
import { asArray, asObject, type JsonObject } from './json.ts';
import { strengthOf } from './text-level-strength.ts';
import { TextTarget, type TextApi } from './text-level.ts';

/** What is particular to a server before the first request. */
export interface TextServer {
  /** The dialect's name. */
  readonly dialect: string;
  /** The engine's name, where launching it did not tell one. @defaultValue the dialect's name */
  readonly engine?: string;
  readonly version?: string | undefined;
  /** What is known of prompts, where the server does not show them (`TextApi.prompts`). */
  readonly oracle: Capabilities['oracle'];
  /** False where the API has no flag or marker for a message to be continued. @defaultValue true */
  readonly flags?: boolean;
  /** A hosted service: the model must be named, and the vendor's own key variable counts at its own hosts. */
  readonly hosted?: Hosted;
  /** The model that is asked for, and its name for the record, where the dialect itself has found it. */
  readonly model?: { readonly id: string; readonly name: string };
  /** Makes the API, once the model is known. */
  readonly api: (model: string) => TextApi;
  /** How the key is sent. @defaultValue as a bearer token */
  readonly keyHeader?: string;
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Connects; makes at most two requests, to ask a local server which models it has, and for the
 * prompt of a chat where it may show it.
 *
 * @throws {SeamstressError} `usage` when a hosted service is to be asked for no model in
 *   particular; `config` for an unusable tokenizer; `target` when the server cannot be asked
 */
export async function connectText(
  server: TextServer,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<TextTarget> {
  const path = options.files?.tokenizer;
  const tokenizer = path === undefined ? undefined : await loadTokenizer(path);
  const http = textClient(server, options);
  try {
    const model = await modelOf(server, http, options, signal);
    const api = server.api(model.id);
    const capabilities: Capabilities = {
      ids: tokenizer === undefined ? 'none' : 'local',
      oracle: (await showsPrompts(api, http, signal)) ? 'prompt-text' : server.oracle,
      ...(server.flags === undefined ? {} : { flags: server.flags }),
    };
    const chatTemplate = options.files?.chatTemplate;
    const identity = identityOf(options, {
      dialect: server.dialect,
      url: http.url,
      model: model.name,
      engine: { name: server.engine ?? server.dialect, version: server.version },
      chatTemplate,
      tokenizerSha256: tokenizer?.sha256,
      strength: strengthOf(capabilities),
    });
    return new TextTarget({
      http,
      api,
      identity,
      tokenizer,
      ...(chatTemplate === undefined ? {} : { chatTemplate }),
    });
  } catch (error) {
    await http.close();
    throw error;
  }
}

/** Whether the server really shows its prompts: versions that do not know how must not be believed. */
async function showsPrompts(
  { prompts }: TextApi,
  http: HttpClient,
  signal: AbortSignal,
): Promise<boolean> {
  if (prompts === undefined || 'local' in prompts) return prompts !== undefined;
  const request: ChatRequest = {
    messages: [{ role: 'user', content: 'Hi' }],
    tools: [],
    thinking: undefined,
  };
  try {
    const { body } = await http.json('POST', prompts.path, prompts.body(request), signal);
    return prompts.read(asObject(body) ?? {})?.includes('Hi') === true;
  } catch (error) {
    if (signal.aborted) throw error;
    return false;
  }
}

/** Whether a server's list of models has one of a kind that only this service's list has. */
export async function lists(
  ask: Ask,
  path: string,
  isOwn: (model: JsonObject) => boolean,
): Promise<boolean> {
  const list = asObject(await ask({ method: 'GET', path }));
  return asArray(list?.['data']).some((value) => {
    const model = asObject(value);
    return model !== undefined && isOwn(model);
  });
}

/** A client that sends the key as this server wants it. */
export function textClient(
  server: Pick<TextServer, 'hosted' | 'keyHeader' | 'headers'>,
  options: ConnectOptions,
): HttpClient {
  const apiKey = options.apiKey ?? vendorKey(server.hosted, options.url, process.env);
  const { headers: bearer, ...rest } = httpOptions({
    ...options,
    ...(apiKey === undefined ? {} : { apiKey }),
  });
  const key =
    server.keyHeader === undefined || apiKey === undefined
      ? bearer
      : { [server.keyHeader]: apiKey };
  return new HttpClient({ ...rest, headers: { ...server.headers, ...key } });
}

/** The vendor's own key: only for the vendor's own hosts, and never without TLS. */
export function vendorKey(
  hosted: Hosted | undefined,
  url: string,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const key = hosted === undefined ? undefined : environment[hosted.keyVariable];
  if (key === undefined || key === '' || !isHostOf(hosted, url)) return undefined;
  return new URL(parseAddress(url).origin).protocol === 'https:' ? key : undefined;
}

/** True for an address of the service itself. */
export function isHostOf(hosted: Hosted | undefined, url: string): boolean {
  const host = new URL(parseAddress(url).origin).hostname;
  return hosted?.domains.some((domain) => host === domain || host.endsWith(`.${domain}`)) === true;
}

async function modelOf(
  server: TextServer,
  http: HttpClient,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly name: string }> {
  if (server.hosted !== undefined) {
    if (options.model !== undefined) return { id: options.model, name: options.model };
    throw new SeamstressError('usage', `${server.dialect} serves many models`, {
      hint: 'Name the one to test with --model.',
    });
  }
  if (server.model !== undefined) return server.model;
  return await chooseModel(http, server.dialect, options.model, signal);
}
