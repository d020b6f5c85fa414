import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { startReference } from '../reference/server.ts';
import type { Target } from './dialect.ts';
import { llamacpp } from './llamacpp.ts';

const { signal } = new AbortController();
const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

const TEXTS = Array.from(
  { length: 60 },
  (_, i) => `Text ${i}:\n\n  <think>${'é🇯🇵 '.repeat(i % 4)}`,
);

/** A target, and the bodies that its server was sent at `/tokenize`. */
async function connected(lists: boolean): Promise<{ target: Target; sent: unknown[] }> {
  const reference = await startReference();
  open.push(() => reference.close());
  const sent: unknown[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk as string;
      if (request.url === '/tokenize') {
        const { content } = JSON.parse(body) as { content: unknown };
        sent.push(content);
        if (Array.isArray(content) && !lists) {
          response.writeHead(400, { 'content-type': 'application/json' });
          response.end('{"error":{"message":"content must be a string"}}');
          return;
        }
      }
      const told = await fetch(reference.url + (request.url ?? ''), {
        method: request.method ?? 'GET',
        ...(request.method === 'POST' ? { body } : {}),
      });
      response.writeHead(told.status, { 'content-type': 'application/json' });
      response.end(await told.text());
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const target = await llamacpp.connect({ url }, signal);
  open.push(() => target.close());
  sent.length = 0;
  return { target, sent };
}

test('texts that are asked for together are tokenized together, each as if alone', async () => {
  const { target, sent } = await connected(true);
  const together = await Promise.all(TEXTS.map((text) => target.encode(text, signal)));
  expect(sent.length).toBeLessThanOrEqual(3);
  const { target: other } = await connected(true);
  for (const [i, text] of TEXTS.entries())
    expect(await other.encode(text, signal)).toEqual(together[i]);
});

test('a server that takes one text at a time is asked so', async () => {
  const { target, sent } = await connected(false);
  const together = await Promise.all(TEXTS.map((text) => target.encode(text, signal)));
  expect(sent).toEqual(TEXTS);
  const { target: other } = await connected(true);
  for (const [i, text] of TEXTS.entries())
    expect(await other.encode(text, signal)).toEqual(together[i]);
});
