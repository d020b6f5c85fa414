/**
 * The tap: a recording reverse proxy on loopback. What passes is passed on at once and unchanged;
 * a side that reads slowly slows the other one down, and a side that goes away ends the other.
 */
import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../errors.ts';
import { parseAddress, type Address } from '../wire/address.ts';
import { encodingOf } from '../wire/collect.ts';
import { namesLoopback } from '../wire/loopback.ts';
import type { Exchange, ExchangeEnd } from './exchange.ts';
import { endToEnd, headerOf } from './headers.ts';
import { BodyRecorder } from './recorder.ts';
import { Redactor } from './redact.ts';

export interface TapOptions {
  /** The base URL of what stands behind the tap. */
  readonly upstream: string;
  /** @defaultValue 0: any free port */
  readonly port?: number;
  /** Told of each exchange when it is over. */
  readonly onExchange?: (exchange: Exchange) => void;
  /** Bytes of a request body that are recorded. @defaultValue 16 MiB */
  readonly maxRequestBytes?: number;
  /** Bytes of an answer's body that are recorded. @defaultValue 1 MiB */
  readonly maxResponseBytes?: number;
  /** Values that are never written, wherever they occur. */
  readonly secrets?: readonly string[];
}

export interface Tap {
  /** The tap's own root URL, without a slash at its end. */
  readonly url: string;
  /** What it passes requests on to. */
  readonly upstream: string;
  /** Resolves when no exchange is under way. */
  idle(): Promise<void>;
  /** Stops listening and ends every open connection, on both sides. */
  close(): Promise<void>;
}

/** What every exchange of a tap shares. */
interface Passage extends Required<Omit<TapOptions, 'port' | 'upstream'>> {
  readonly address: Address;
}

/**
 * Starts a tap on 127.0.0.1.
 *
 * @throws SeamstressError `usage` when the upstream is no http or https URL; the listening error
 *   when the port is not free
 */
export async function startTap(options: TapOptions): Promise<Tap> {
  const address = parseAddress(options.upstream);
  const passage: Passage = {
    address,
    onExchange: options.onExchange ?? (() => {}),
    maxRequestBytes: options.maxRequestBytes ?? 16 * 1024 * 1024,
    maxResponseBytes: options.maxResponseBytes ?? 1024 * 1024,
    secrets: options.secrets ?? [],
  };
  const open = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const passing = pass(passage, request, response);
    open.add(passing);
    void passing.finally(() => open.delete(passing));
  });
  // A slow upload and a silent model are not for the tap to judge; pooled connections stay open.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 120_000;
  // What a client sends that is no HTTP, or when it resets an idle connection.
  server.on('clientError', (_, socket) => socket.destroy());
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    upstream: address.url,
    idle: async () => {
      while (open.size > 0) await Promise.all(open);
    },
    close: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await Promise.all(open);
    },
  };
}

/** Passes one request on and its answer back; resolves when both are over. Never rejects. */
function pass(passage: Passage, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { address, maxRequestBytes, maxResponseBytes, secrets } = passage;
  const began = performance.now();
  const now = (): number => performance.now() - began;
  const time = new Date().toISOString();
  const sent = new BodyRecorder(maxRequestBytes);
  const received = new BodyRecorder(maxResponseBytes);
  let answer: IncomingMessage | undefined;

  return new Promise((resolve) => {
    let over = false;
    const finish = (end: ExchangeEnd, trouble?: string): void => {
      if (over) return;
      over = true;
      const redactor = new Redactor(request.rawHeaders, [
        ...secrets,
        ...(address.authorization === undefined ? [] : [address.authorization]),
        ...address.secrets,
      ]);
      const exchange: Exchange = {
        time,
        method: request.method ?? 'GET',
        path: redactor.path(request.url ?? '/'),
        request: {
          headers: redactor.headers(request.rawHeaders),
          body: sent.body(redactor, encodingOf(request.headers)),
        },
        response:
          answer === undefined
            ? undefined
            : {
                status: answer.statusCode ?? 0,
                headers: redactor.headers(answer.rawHeaders),
                body: received.body(redactor, encodingOf(answer.headers)),
                chunks: received.chunks,
              },
        end,
        ...(trouble === undefined ? {} : { trouble: redactor.text(trouble) }),
        ms: Math.round(now() * 100) / 100,
      };
      try {
        passage.onExchange(exchange);
      } finally {
        resolve();
      }
    };

    request.on('error', () => {});
    response.on('error', () => {});
    // A page on the web that resolves its own name to loopback cannot use the tap.
    if (!namesLoopback(request.headers.host)) {
      refuse(response, 403, 'the tap answers requests to its own address only');
      request.resume();
      resolve();
      return;
    }

    const upstream = ask(address, request);
    upstream.setNoDelay(true);
    response.once('close', () => {
      if (response.writableFinished) return;
      upstream.destroy();
      finish('client-gone', 'the client closed the connection');
    });
    relay(request, upstream, (chunk) => sent.add(chunk, now()));
    request.once('end', () => upstream.end());

    upstream.once('response', (head) => {
      answer = head;
      response.sendDate = false;
      const headers = endToEnd(head.rawHeaders).flat();
      response.writeHead(head.statusCode ?? 502, head.statusMessage ?? '', headers);
      response.flushHeaders();
      relay(head, response, (chunk) => received.add(chunk, now()));
      head.once('end', () => {
        response.end();
        finish('complete');
      });
      const broken = (why: string): void => {
        finish('upstream-broke', why);
        // What came before goes out; then the client must see that it broke: no final chunk.
        response.socket?.destroySoon();
        upstream.destroy();
      };
      head.once('error', (error) => broken(messageOf(error)));
      head.once('close', () => {
        if (!head.complete) broken('the upstream closed the connection inside its answer');
      });
    });
    // The rest of an upload that nobody takes any more is read and dropped.
    upstream.once('close', () => request.resume());
    upstream.on('error', (error) => {
      if (answer !== undefined) return;
      const why = `cannot get an answer from ${address.url}: ${wordsOf(error)}`;
      finish('no-answer', why);
      refuse(response, 502, `seamstress tap: ${why}`);
    });
  });
}

/** The request to the upstream: same method, path, header order; its own Host. */
function ask(address: Address, request: IncomingMessage): ClientRequest {
  const url = new URL(address.url);
  const headers = endToEnd(request.rawHeaders).map(([name, value]): [string, string] =>
    name.toLowerCase() === 'host' ? [name, url.host] : [name, value],
  );
  if (address.authorization !== undefined && !has(request, 'authorization'))
    headers.push(['Authorization', address.authorization]);
  // A connection of its own: some servers close kept ones without saying so.
  headers.push(['Connection', 'close']);
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return send({
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(url.port === '' ? {} : { port: url.port }),
    method: request.method ?? 'GET',
    path: address.prefix + (request.url ?? '/'),
    headers: headers.flat() as unknown as Record<string, string>,
    agent: false,
  });
}

function has(request: IncomingMessage, name: string): boolean {
  return headerOf(request.rawHeaders, name) !== undefined;
}

/** Passes chunks on as they come and stops reading while the other side does not take more. */
function relay(
  from: IncomingMessage,
  to: ClientRequest | ServerResponse,
  see: (chunk: Uint8Array) => void,
): void {
  from.on('data', (chunk: Buffer) => {
    see(chunk);
    if (to.destroyed || to.write(chunk)) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
}

function refuse(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent || response.destroyed) return;
  const type = status === 403 ? 'permission_error' : 'bad_gateway';
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify({ error: { message, type, code: status } }));
}

/** Node gives several errors in one, without a message, where it tried several addresses. */
function wordsOf(error: Error): string {
  return messageOf(error instanceof AggregateError ? (error.errors[0] ?? error) : error);
}
