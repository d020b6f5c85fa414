/** Ten thousand cuts in a row leave no socket, timer, listener or child process behind. */
import { readdirSync } from 'node:fs';
import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { HttpClient } from '../../src/wire/http.ts';

const CUTS = 10_000;

/** What this process holds: open descriptors where the system tells them, and what keeps it alive. */
function held(): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) kinds[kind] = (kinds[kind] ?? 0) + 1;
  let descriptors = 0;
  try {
    descriptors = readdirSync('/proc/self/fd').length;
  } catch {
    // No /proc here.
  }
  return {
    descriptors,
    sockets: kinds['TCPSocketWrap'] ?? 0,
    timers: kinds['Timeout'] ?? 0,
    children: kinds['ProcessWrap'] ?? 0,
  };
}

test(`${CUTS} cuts`, { timeout: 300_000 }, async () => {
  const server = createServer((request, response) => {
    request.resume();
    response.on('error', () => undefined);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"a":1}\n\ndata: {"a":2}\n\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new HttpClient({ url: `http://127.0.0.1:${port}`, connections: 8 });
  const { signal } = new AbortController();
  const cut = async (): Promise<void> => {
    const reply = await client.stream('/', {}, { signal, onData: () => true });
    expect(reply.end.kind).toBe('aborted');
  };
  const cuts = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += 8) await Promise.all(Array.from({ length: 8 }, cut));
  };
  await cuts(80);
  await expect.poll(() => held()['sockets'], { timeout: 10_000 }).toBe(0);
  const before = held();
  const memory = process.memoryUsage().heapUsed;
  await cuts(CUTS);
  await expect.poll(() => held()['sockets'], { timeout: 10_000 }).toBe(0);
  const after = held();
  for (const [kind, count] of Object.entries(after))
    expect([kind, count - (before[kind] ?? 0)]).toEqual([kind, expect.toSatisfy((n) => n <= 2)]);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  expect(process.memoryUsage().heapUsed - memory).toBeLessThan(64 * 1024 * 1024);
  await client.close();
  server.closeAllConnections();
  server.close();
});
