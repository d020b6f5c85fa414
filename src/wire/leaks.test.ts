import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { connectionsOf, serve } from './loopback.test-help.ts';

test('200 streams cut in a row leave no connection, listener or timer', async () => {
  let cut = 0;
  const { client, server } = await serve((_, response) => {
    response.once('close', () => (cut += 1));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\ndata: 2\n\n');
  });
  const controller = new AbortController();
  const timers = timersNow();
  for (let turn = 0; turn < 200; turn += 1) {
    const reply = await client.stream('/', {}, { signal: controller.signal, onData: () => true });
    expect(reply).toMatchObject({ end: { kind: 'aborted' }, events: 1 });
  }
  await expect.poll(() => cut).toBe(200);
  await expect.poll(async () => connectionsOf(server)).toBe(0);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  expect(timersNow()).toBeLessThanOrEqual(timers + 1);
});

test('40 streams at once share one signal without a warning, and one abort ends them all', async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error): unknown => warnings.push(warning);
  process.on('warning', listen);
  const { client, server } = await serve(
    (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
    },
    { connections: 32 },
  );
  const controller = new AbortController();
  const { signal } = controller;
  const streams = Array.from({ length: 40 }, async () =>
    client.stream('/', {}, { signal, onData: () => undefined }),
  );
  const settled = Promise.allSettled(streams);
  await expect.poll(async () => connectionsOf(server)).toBe(32);
  await sleep(50);
  controller.abort();
  const ends = (await settled).map((one) =>
    one.status === 'fulfilled' ? one.value.end.kind : (one.reason as { code: string }).code,
  );
  expect(ends.filter((end) => end === 'aborted')).toHaveLength(32);
  expect(ends.filter((end) => end === 'interrupted')).toHaveLength(8);
  await expect.poll(async () => connectionsOf(server)).toBe(0);
  process.off('warning', listen);
  expect(warnings).toEqual([]);
});

test.each([
  ['as many as were allowed', 2, Infinity, 2],
  ['fewer when that is narrowed', 8, 3, 3],
  ['never none', 8, 0, 1],
  ['no more when it is widened', 2, 9, 2],
])('requests beyond the connections wait for one: %s', async (_, connections, narrowed, most) => {
  let now = 0;
  let highest = 0;
  const sockets = new Set<unknown>();
  const { client } = await serve(
    (request, response) => {
      sockets.add(request.socket);
      now += 1;
      highest = Math.max(highest, now);
      setTimeout(() => {
        now -= 1;
        response.end('1');
      }, 2);
    },
    { connections },
  );
  client.narrow(narrowed);
  const { signal } = new AbortController();
  const asked = Array.from({ length: 20 }, async () => client.json('GET', '/', undefined, signal));
  expect((await Promise.all(asked)).map((reply) => reply.body)).toEqual(Array(20).fill(1));
  expect({ highest, sockets: sockets.size }).toEqual({ highest: most, sockets: most });
});

function timersNow(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}
