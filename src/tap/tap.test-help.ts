/** Raw HTTP over loopback sockets, for what fetch would smooth over. Closed when the test ends. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Exchange } from './exchange.ts';
import { startTap, type Tap, type TapOptions } from './tap.ts';

/** A tap in front of an upstream, and what it recorded. */
export async function tapOf(
  upstream: string,
  options: Omit<TapOptions, 'upstream' | 'onExchange'> = {},
): Promise<{ readonly tap: Tap; readonly seen: Exchange[] }> {
  const seen: Exchange[] = [];
  const tap = await startTap({
    ...options,
    upstream,
    onExchange: (exchange) => seen.push(exchange),
  });
  onTestFinished(() => tap.close());
  return { tap, seen };
}

/** A server of sockets: `handle` gets each connection once the head of its request has been read. */
export async function rawServer(
  handle: (socket: Socket, head: string) => void,
): Promise<{ readonly url: string; readonly server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    let head = '';
    const read = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', read);
      handle(socket, head);
    };
    socket.on('data', read);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** Sends bytes to a URL's host and gives the socket. */
export async function dial(url: string, bytes: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

/** Everything that a socket sends until it closes. */
export async function everything(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
}
