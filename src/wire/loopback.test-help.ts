/** Real servers on the loopback interface, for tests. They are closed when the test ends. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import {
  createServer as createSocketServer,
  type AddressInfo,
  type Server as SocketServer,
  type Socket,
} from 'node:net';
import { onTestFinished } from 'vitest';
import { HttpClient, type HttpOptions } from './http.ts';

/** A server and a client of it. */
interface Loopback<S> {
  readonly server: S;
  readonly url: string;
  readonly client: HttpClient;
}

type ClientOptions = Omit<HttpOptions, 'url'>;

/** An HTTP server. */
export async function serve(
  handler: RequestListener,
  options: ClientOptions = {},
): Promise<Loopback<Server>> {
  const server = createServer(handler);
  const { url, client } = await listen(server, options);
  return { server, url, client };
}

/** A server that answers each connection's first bytes by hand, for broken framing. */
export async function serveRaw(
  answer: (socket: Socket) => void,
  options: ClientOptions = {},
): Promise<Loopback<SocketServer>> {
  const server = createSocketServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => answer(socket));
  });
  const { url, client } = await listen(server, options);
  return { server, url, client };
}

/** The request's body as text. */
export async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk as string;
  return text;
}

/** How many connections a server has now. */
export async function connectionsOf(server: SocketServer): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}

async function listen(
  server: SocketServer,
  options: ClientOptions,
): Promise<{ readonly url: string; readonly client: HttpClient }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new HttpClient({ url, ...options });
  onTestFinished(async () => {
    await client.close();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  return { url, client };
}
