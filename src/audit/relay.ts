/**
 * A client in a network namespace has a loopback of its own, from which our server cannot be
 * reached; a Unix socket can. The relay runs inside, hands connections on to the socket, and runs
 * the client.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';

/** Where this module lies, for a process that is started with it. */
export const RELAY_URL: string = import.meta.url;

/** Listens on 127.0.0.1 and hands every connection on to a Unix socket. */
export async function listen(socket: string, port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (inside) => {
    const outside = connect({ path: socket, allowHalfOpen: true });
    inside.pipe(outside).pipe(inside);
    // A break on one side is a break on the other: clients are judged by what they make of it.
    inside.on('error', () => outside.destroy());
    outside.on('error', () => inside.destroy());
    inside.on('close', () => outside.destroy());
    outside.on('close', () => inside.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Runs a command beside the relay; resolves to the exit status that this process shall have. */
export async function relay(
  socket: string,
  port: number,
  command: readonly string[],
): Promise<number> {
  const server = await listen(socket, port);
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: 'inherit' });
  const status = await new Promise<number>((resolve) => {
    child.once('error', (error) => {
      process.stderr.write(`${error.message}\n`);
      resolve(127);
    });
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 143)));
  });
  server.close();
  return status;
}
