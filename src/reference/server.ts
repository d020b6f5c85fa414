/**
 * The reference server: a scripted model behind llama.cpp's server API, right by construction
 * unless faults are planted. It exists so that the harness can be tried, taught and tested without
 * a real engine.
 *
 * Where it differs from llama.cpp on purpose: a resumed message is continued verbatim (also inside
 * a tool call), a whole answer holds only new text, no text is trimmed or lost at a limit, and the
 * tokens behind a text that the model itself wrote are not forgotten.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { isIPv6, type AddressInfo } from 'node:net';
import { messageOf } from '../errors.ts';
import { ApiError, notFound } from './api-error.ts';
import { answerChat } from './chat.ts';
import { answerCompletion } from './completion.ts';
import { Engine } from './engine.ts';
import type { PlantedFault } from './faults.ts';
import { Pace, readJson, sendJson } from './http.ts';
import { applyTemplate, detokenize, models, props, tokenize } from './info.ts';

export interface ReferenceOptions {
  /** @defaultValue none */
  readonly faults?: readonly PlantedFault[];
  /** Decides which requests a fault with a rate strikes, and how near ties fall. @defaultValue 0 */
  readonly seed?: number;
  /** @defaultValue 0: any free port */
  readonly port?: number;
  /** @defaultValue 127.0.0.1 */
  readonly host?: string;
  /** Milliseconds before each token. @defaultValue 0 */
  readonly tokenDelayMs?: number;
}

export interface ReferenceServer {
  /** The root URL, without a slash at its end. */
  readonly url: string;
  /** Stops listening and ends every open connection. */
  close(): Promise<void>;
}

/**
 * Starts a reference server.
 *
 * @throws the listening error when the address is not free or not ours.
 */
export async function startReference(options: ReferenceOptions = {}): Promise<ReferenceServer> {
  const host = options.host ?? '127.0.0.1';
  const engine = new Engine(options.faults ?? [], options.seed ?? 0);
  const server = createServer((request, response) => {
    const pace = new Pace(response, options.tokenDelayMs ?? 0);
    void answer(engine, host, request, response, pace);
  });
  server.listen(options.port ?? 0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    close: () => closeServer(server),
  };
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** Answers one request; never throws. */
async function answer(
  engine: Engine,
  host: string,
  request: IncomingMessage,
  response: ServerResponse,
  pace: Pace,
): Promise<void> {
  try {
    if (isLoopback(host) && !namesUs(request.headers.host, host))
      throw new ApiError(
        403,
        'this server answers requests to its own address only',
        'permission_error',
      );
    await route(engine, request, response, pace);
  } catch (error) {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const failure = error instanceof ApiError ? error : new ApiError(500, messageOf(error));
    sendJson(response, failure.status, failure.body());
  }
}

async function route(
  engine: Engine,
  request: IncomingMessage,
  response: ServerResponse,
  pace: Pace,
): Promise<void> {
  const path = (request.url ?? '/').replace(/\?.*$/s, '');
  switch (`${request.method} ${path}`) {
    case 'GET /health':
    case 'GET /v1/health':
      return sendJson(response, 200, { status: 'ok' });
    case 'GET /props':
      return sendJson(response, 200, props(engine));
    case 'GET /models':
    case 'GET /v1/models':
      return sendJson(response, 200, models(engine));
    case 'POST /apply-template':
      return sendJson(response, 200, applyTemplate(engine, await readJson(request)));
    case 'POST /tokenize':
      return sendJson(response, 200, tokenize(engine, await readJson(request)));
    case 'POST /detokenize':
      return sendJson(response, 200, detokenize(engine, await readJson(request)));
    case 'POST /chat/completions':
    case 'POST /v1/chat/completions':
      return await answerChat(engine, await readJson(request), response, pace);
    case 'POST /completion':
    case 'POST /completions':
      return await answerCompletion(engine, await readJson(request), response, pace);
    default:
      request.resume();
      throw notFound();
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/**
 * True when the Host header names this server: a page on the web that resolves its own name to
 * the loopback address cannot talk to it.
 */
function namesUs(header: string | undefined, host: string): boolean {
  const name = (header ?? '')
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return name === host || isLoopback(name);
}
