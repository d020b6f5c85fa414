import { createServer } from 'node:net';
import { SeamstressError } from '../errors.ts';

/** The one address that engines are bound to. */
export const LOOPBACK = '127.0.0.1';

/** A port that is free on loopback at this moment. */
export function freePort(): Promise<number> {
  return bind(0);
}

/**
 * Checks that a port is free. Needed since older llama.cpp builds set SO_REUSEPORT: a second
 * server on the port of a first one starts without a word and takes half of its requests.
 *
 * @throws SeamstressError `engine` if it is taken.
 */
export async function requireFreePort(port: number): Promise<void> {
  try {
    await bind(port);
  } catch (cause) {
    throw new SeamstressError('engine', `port ${port} on ${LOOPBACK} cannot be used`, {
      hint: 'Stop what listens there, or leave the port out to have a free one picked.',
      cause,
    });
  }
}

function bind(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}
