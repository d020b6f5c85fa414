/** Servers on loopback that commands are pointed at: a proxy that misbehaves, and bare handlers. */
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { startReference, type ReferenceOptions } from '../../src/reference/server.ts';

/** A server of its own handler; closed when the test ends. */
export async function serve(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A request as it passes through a proxy. */
export interface Passing {
  readonly path: string;
  readonly body: string;
  readonly response: ServerResponse;
}

/**
 * A reference server behind a proxy. `intercept` sees each request first, and answers it itself
 * when it returns true.
 */
export async function behindProxy(
  intercept: (passing: Passing) => boolean | Promise<boolean>,
  options: ReferenceOptions = {},
): Promise<string> {
  const reference = await startReference(options);
  onTestFinished(() => reference.close());
  return await serve((request, response) => void pass(reference.url, intercept, request, response));
}

async function pass(
  upstream: string,
  intercept: (passing: Passing) => boolean | Promise<boolean>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk as string;
  const path = request.url ?? '/';
  if (await intercept({ path, body, response })) return;
  try {
    const told = await fetch(upstream + path, {
      method: request.method ?? 'GET',
      ...(request.method === 'POST' ? { body } : {}),
    });
    response.writeHead(told.status, {
      'content-type': told.headers.get('content-type') ?? 'application/json',
    });
    for await (const chunk of told.body ?? []) response.write(chunk);
    response.end();
  } catch {
    response.destroy();
  }
}

/** Sends JSON. */
export function answer(response: ServerResponse, status: number, body: unknown): true {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
  return true;
}
