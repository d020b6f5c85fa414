/** HTTP to one server: JSON answers and event streams. Nothing is ever retried or redirected. */
import type { SentRequest } from '../dialects/dialect.ts';
import { parseAddress, type Address } from './address.ts';
import type { RawChunk } from './capture.ts';
import { collect } from './collect.ts';
import type { StreamEnd } from './end.ts';
import { exchange, type BodySink, type Call, type Head, type ReplyHeaders } from './exchange.ts';
import { readJson } from './json-body.ts';
import { keyHeaderOf, type KeyHeader } from './key.ts';
import { Lanes } from './lanes.ts';
import { Secrets } from './secrets.ts';
import { streamed } from './streamed.ts';
import { refuse } from './refuse.ts';

/** Connections to a server where nothing else is said. */
export const CONNECTIONS = 8;

/** A body that comes a byte at a time is given this many times the stall time. */
const BODY_STALLS = 10;

/** How to reach a server. Times in milliseconds. */
export interface HttpOptions {
  /** The base URL; a final `/v1` or slash is dropped, a user and password become a Basic header. */
  readonly url: string;
  /** Sent with each request, never recorded. */
  readonly headers?: Readonly<Record<string, string>>;
  /** @defaultValue 5_000 */
  readonly connectMs?: number;
  /** From sending a request to the end of the answer's headers. @defaultValue 120_000 */
  readonly headersMs?: number;
  /** Longest silence inside a body; comments break it, but 10 times this without an event ends a stream. @defaultValue 60_000 */
  readonly stallMs?: number;
  /**
   * Connections at most; further requests wait for one. Servers with few
   * threads keep one for each connection, so that more than they have starve. @defaultValue 8
   */
  readonly connections?: number;
  /** Largest JSON body. @defaultValue 64 MiB */
  readonly maxBodyBytes?: number;
  /** Largest event, about. @defaultValue 16 MiB */
  readonly maxEventBytes?: number;
  /** Largest stream, all of its bytes. @defaultValue 256 MiB */
  readonly maxStreamBytes?: number;
}

/** A JSON answer. */
export interface JsonReply {
  readonly status: number;
  readonly headers: ReplyHeaders;
  /** The value; undefined for an empty body. */
  readonly body: unknown;
  /** Milliseconds from sending the request to the end of the body. */
  readonly ms: number;
  readonly request: SentRequest;
}

/** How to read a stream. */
export interface StreamOptions {
  readonly signal: AbortSignal;
  /**
   * Called for each event with its data, but not for `[DONE]` and not for an error event. `atMs`
   * is milliseconds since the request was sent. `true` stops: the connection is closed at once.
   */
  readonly onData: (data: string, atMs: number, eventName: string | undefined) => boolean | void;
  /** Keep the body's raw bytes. @defaultValue true */
  readonly keepCapture?: boolean;
  /** How events are told apart: server-sent events, or one JSON value a line. @defaultValue sse */
  readonly framing?: 'sse' | 'ndjson';
  /** Events at most; a stream that goes on is garbled. @defaultValue no limit */
  readonly maxEvents?: number;
  /** Sent with this request alone, never recorded. */
  readonly headers?: Readonly<Record<string, string>>;
  /** `GET` sends no body. @defaultValue POST */
  readonly method?: 'GET' | 'POST';
}

/** A streamed answer that has ended. Times in milliseconds since the request was sent. */
export interface StreamReply {
  readonly status: number;
  readonly headers: ReplyHeaders;
  readonly end: StreamEnd;
  /** Events handed to `onData`. */
  readonly events: number;
  /** The body's bytes as they came, also those after `[DONE]`; empty without `keepCapture`. */
  readonly capture: readonly RawChunk[];
  readonly firstEventMs: number | undefined;
  readonly totalMs: number;
  readonly request: SentRequest;
}

/**
 * A client of one server. Close it when done.
 * @throws SeamstressError `usage` from the constructor when the URL cannot be used.
 */
export class HttpClient {
  /** The base URL, normalised: no user, no trailing slash, no `/v1`. */
  readonly url: string;
  readonly #options: Required<Omit<HttpOptions, 'url' | 'headers'>>;
  readonly #address: Address;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #keyHeader: KeyHeader | undefined;
  readonly #secrets: Secrets;
  readonly #lanes: Lanes;
  #requests = 0;

  constructor(options: HttpOptions) {
    this.#address = parseAddress(options.url);
    this.url = this.#address.url;
    this.#headers = headersOf(options, this.#address);
    this.#keyHeader = keyHeaderOf(this.#headers);
    this.#secrets = new Secrets(this.#headers, this.#address.secrets);
    this.#options = {
      connectMs: options.connectMs ?? 5000,
      headersMs: options.headersMs ?? 120_000,
      stallMs: options.stallMs ?? 60_000,
      connections: options.connections ?? CONNECTIONS,
      maxBodyBytes: options.maxBodyBytes ?? 64 * 1024 * 1024,
      maxEventBytes: options.maxEventBytes ?? 16 * 1024 * 1024,
      maxStreamBytes: options.maxStreamBytes ?? 256 * 1024 * 1024,
    };
    const { connections, connectMs } = this.#options;
    this.#lanes = new Lanes(this.#address.origin, connections, connectMs);
  }

  /** Allows no more connections than so many from now on, for a server that has told how many it serves. */
  narrow(connections: number): void {
    this.#lanes.narrow(connections);
  }

  /** Requests sent so far, whatever came of them. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * Sends a request and reads a JSON answer; no body is sent when `body` is undefined.
   * @throws Refusal for HTTP status 300 and above.
   * @throws SeamstressError `target` when there is no answer, or none that is JSON; `interrupted`
   * when `signal` aborts.
   */
  async json(
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<JsonReply> {
    const limit = this.#options.maxBodyBytes;
    return this.#send<JsonReply>(
      method,
      path,
      body,
      signal,
      false,
      (head, call, request, resolve) =>
        collect(head, limit, this.#patienceMs, (bytes, end, ms) => {
          const { status, headers } = head;
          const value = readJson(bytes, end, head, call, limit, this.#secrets);
          resolve({ status, headers, body: value, ms, request });
        }),
    );
  }

  /**
   * Sends a request and reads an event stream to its end, however it ends.
   * @throws Refusal for HTTP status 300 and above.
   * @throws SeamstressError `target` when there is no answer, `interrupted` when the signal aborts
   * before its headers. Whatever `onData` throws.
   */
  async stream(path: string, body: unknown, options: StreamOptions): Promise<StreamReply> {
    const { keepCapture = true, framing = 'sse', maxEvents = Infinity } = options;
    const { stallMs, maxEventBytes, maxStreamBytes } = this.#options;
    const onData: StreamOptions['onData'] = (data, atMs, name) =>
      options.onData(this.#secrets.hide(data), atMs, name);
    const limits = { stallMs, maxEventBytes, maxStreamBytes, maxEvents };
    const reading = { ...limits, keepCapture, framing, onData };
    return this.#send<StreamReply>(
      options.method ?? 'POST',
      path,
      body,
      options.signal,
      true,
      (head, _, request, resolve) =>
        streamed(head, reading, (read) => {
          const { status, headers } = head;
          const capture = this.#secrets.mask(read.capture);
          resolve({ status, headers, ...read, capture, end: this.#hidden(read.end), request });
        }),
      options.headers,
    );
  }

  /** A request as it is sent, to be told; without the key. */
  request(method: 'GET' | 'POST', path: string, body: unknown): SentRequest {
    const request = { method, url: this.url + path, body };
    return this.#keyHeader === undefined ? request : { ...request, keyHeader: this.#keyHeader };
  }

  /** Closes all connections; requests under way are interrupted. */
  async close(): Promise<void> {
    await this.#lanes.close();
  }

  async #send<Reply>(
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    signal: AbortSignal,
    lastOnConnection: boolean,
    accept: (
      head: Head,
      call: Call,
      request: SentRequest,
      resolve: (reply: Reply) => void,
    ) => BodySink,
    own: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const request = this.request(method, path, body);
    const headers = { ...this.#headers, ...own };
    const call: Call = {
      ...this.#options,
      method,
      url: request.url,
      path: this.#address.prefix + path,
      headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      lastOnConnection,
    };
    if (!signal.aborted) this.#requests += 1;
    return new Promise<Reply>((resolve, reject) => {
      exchange(
        this.#lanes,
        call,
        (head) =>
          head.status >= 300
            ? refuse(head, request, this.#secrets, this.#patienceMs)
            : accept(head, call, request, resolve),
        reject,
      );
    });
  }

  /** A whole JSON answer may take so long; silence ends it sooner. */
  get #patienceMs(): number {
    return this.#options.stallMs * BODY_STALLS;
  }

  #hidden(end: StreamEnd): StreamEnd {
    const hide = (text: string): string => this.#secrets.hide(text);
    if (end.kind === 'error-event') {
      return { ...end, message: hide(end.message), body: hide(end.body) };
    }
    return 'detail' in end ? { ...end, detail: hide(end.detail) } : end;
  }
}

/** Ours first, the user's over them, and no compression whatever the user says. */
function headersOf(options: HttpOptions, address: Address): Record<string, string> {
  const headers: Record<string, string> = { 'user-agent': 'seamstress' };
  if (address.authorization !== undefined) headers['authorization'] = address.authorization;
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    headers[name.toLowerCase()] = value;
  }
  return { ...headers, 'accept-encoding': 'identity' };
}
