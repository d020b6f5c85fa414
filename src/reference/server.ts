/**
 * The reference server: a scripted model behind the API of a persona. It exists so that the harness
 * can be tried, taught and tested without a real engine.
 *
 * Its default persona speaks llama.cpp's API and is right by construction unless faults are
 * planted. Where that one differs from llama.cpp on purpose: a resumed message is continued verbatim (also inside
 * a tool call), a whole answer holds only new text, no text is trimmed or lost at a limit, and the
 * tokens behind a text that the model itself wrote are not forgotten.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { isIPv6, type AddressInfo } from 'node:net';
import { messageOf } from '../errors.ts';
import { ApiError, notFound } from './api-error.ts';
import { Engine } from './engine.ts';
import type { PlantedFault } from './faults.ts';
import { Pace, readJson, sendJson } from './http.ts';
import type { Persona, Routes } from './personas/persona.ts';
import { reference } from './personas/reference.ts';
import { findRoute } from './personas/router.ts';

export interface ReferenceOptions {
  /** How the server answers. @defaultValue `reference` */
  readonly persona?: Persona;
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
  const persona = options.persona ?? reference;
  const engine = new Engine(options.faults ?? [], options.seed ?? 0, {
    style: persona.style,
    natural: persona.natural ?? true,
  });
  const routes = persona.routes(engine);
  const server = createServer((request, response) => {
    const pace = new Pace(response, options.tokenDelayMs ?? 0);
    void answer({ persona, routes, host }, request, response, pace);
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

/** What answers the requests of one server. */
interface Serving {
  readonly persona: Persona;
  readonly routes: Routes;
  readonly host: string;
}

/** Answers one request; never throws. */
async function answer(
  serving: Serving,
  request: IncomingMessage,
  response: ServerResponse,
  pace: Pace,
): Promise<void> {
  const { persona, host } = serving;
  try {
    if (isLoopback(host) && !namesUs(request.headers.host, host))
      throw new ApiError(
        403,
        'this server answers requests to its own address only',
        'permission_error',
      );
    await route(serving.routes, request, response, pace);
  } catch (error) {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const failure = error instanceof ApiError ? error : new ApiError(500, messageOf(error));
    sendJson(response, failure.status, persona.errorBody?.(failure) ?? failure.body());
  }
}

async function route(
  routes: Routes,
  request: IncomingMessage,
  response: ServerResponse,
  pace: Pace,
): Promise<void> {
  const [path = '/', query = ''] = (request.url ?? '/').split(/\?(.*)/s);
  const { method = 'GET', headers } = request;
  const found = findRoute(routes, method, path);
  if (found?.handler === undefined) {
    request.resume();
    throw notFound();
  }
  const body = method === 'GET' ? {} : await readJson(request);
  const { handler, params } = found;
  await handler({ body, query: new URLSearchParams(query), params, headers, response, pace });
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
