import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { request } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import { jsonOf } from './exchange.ts';
import { dial, everything, rawServer, tapOf } from './tap.test-help.ts';

async function upstreamOf(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Polls until a condition holds, at most 5 s. */
async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !holds() && Date.now() < deadline;) await sleep(5);
  expect(holds()).toBe(true);
}

/** A number that grows, once it has not grown for half a second. */
async function settled(of: () => number): Promise<number> {
  for (;;) {
    const before = of();
    await sleep(500);
    if (of() === before && before > 0) return before;
  }
}

test('bodies pass byte by byte, however they are cut into chunks, in both directions', async () => {
  let chunks: readonly Uint8Array[] = [];
  let arrived = Buffer.alloc(0);
  const url = await upstreamOf((asked, response) => {
    const read: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => read.push(chunk));
    asked.on('end', () => {
      arrived = Buffer.concat(read);
      void send(response);
    });
  });
  async function send(response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const chunk of chunks) {
      response.write(chunk);
      await new Promise(setImmediate);
    }
    response.end();
  }
  const { tap, seen } = await tapOf(url);
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { maxLength: 12 }), bytes, async (answer, asked) => {
      chunks = answer;
      const reply = await request(`${tap.url}/v1/x`, { method: 'POST', body: asked });
      const got = Buffer.from(await reply.body.arrayBuffer());
      expect(got.equals(Buffer.concat(answer))).toBe(true);
      expect(arrived.equals(Buffer.from(asked))).toBe(true);
      await tap.idle();
      const recorded = seen.at(-1);
      expect(recorded?.end).toBe('complete');
      expect(recorded?.response?.body.bytes).toBe(got.length);
      const kept = recorded?.response?.body;
      expect(Buffer.from(kept?.text ?? '', kept?.encoding).equals(got)).toBe(true);
      expect(recorded?.response?.chunks.reduce((sum, [, size]) => sum + size, 0)).toBe(got.length);
    }),
    { numRuns: 60 },
  );
});

test('the first chunk arrives before the upstream has ended', async () => {
  let answering: ServerResponse | undefined;
  const url = await upstreamOf((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
    answering = response;
  });
  const { tap } = await tapOf(url);
  const reply = await request(tap.url);
  const reader = reply.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  expect(String((await reader.next()).value)).toBe('data: 1\n\n');
  answering?.end('data: 2\n\n');
  expect(String((await reader.next()).value)).toBe('data: 2\n\n');
  expect((await reader.next()).done).toBe(true);
});

test('headers keep their order, spelling and repeats; those of one connection stay there', async () => {
  let head = '';
  const { url } = await rawServer((socket, read) => {
    head = read;
    socket.end(
      'HTTP/1.1 201 Made Up\r\nX-B: 2\r\nx-a: 1\r\nSet-Cookie: one=111111\r\nSet-Cookie: two=2\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\nConnection: close, X-Mine\r\nX-Mine: no\r\n\r\nok',
    );
  });
  const { tap, seen } = await tapOf(url);
  const { host } = new URL(tap.url);
  const socket = await dial(
    tap.url,
    `GET /a?b=c HTTP/1.1\r\nX-Second: 2\r\nHost: ${host}\r\nx-First: 1\r\nTE: trailers\r\nX-Drop: y\r\nConnection: close, x-drop\r\nX-First: 3\r\n\r\n`,
  );
  const answer = await everything(socket);
  expect(head).toBe(
    `GET /a?b=c HTTP/1.1\r\nX-Second: 2\r\nHost: ${new URL(url).host}\r\nx-First: 1\r\nX-First: 3\r\nConnection: close\r\n\r\n`,
  );
  expect(answer.split('\r\nConnection')[0]).toBe(
    'HTTP/1.1 201 Made Up\r\nX-B: 2\r\nx-a: 1\r\nSet-Cookie: one=111111\r\nSet-Cookie: two=2\r\nContent-Length: 2',
  );
  expect(answer.endsWith('\r\n\r\nok')).toBe(true);
  expect(seen[0]?.response?.headers['Set-Cookie']).toEqual(['[redacted]', '[redacted]']);
});

test('a client that reads slowly slows the upstream down; the tap holds little', async () => {
  const whole = 64 * 1024 * 1024;
  let written = 0;
  const url = await upstreamOf((_, response) => {
    response.writeHead(200);
    const block = Buffer.alloc(64 * 1024, 0x61);
    const more = (): void => {
      while (written < whole) {
        written += block.length;
        if (!response.write(block)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  });
  const { tap, seen } = await tapOf(url, { maxResponseBytes: 1000 });
  const socket = await dial(tap.url, `GET / HTTP/1.1\r\nHost: ${new URL(tap.url).host}\r\n\r\n`);
  socket.pause();
  // Only what the sockets in between hold has left the upstream, and it stays that way.
  expect(await settled(() => written)).toBeLessThan(whole / 2);
  let read = 0;
  socket.on('data', (chunk: Buffer) => (read += chunk.length));
  socket.resume();
  await until(() => read > whole);
  await tap.idle();
  expect(seen[0]?.response?.body).toMatchObject({ bytes: whole, truncated: true });
  expect(seen[0]?.response?.body.text).toHaveLength(1000);
});

test('an upstream that reads slowly slows the client down', async () => {
  const url = await upstreamOf((asked) => void asked.pause());
  const { tap } = await tapOf(url);
  const whole = 64 * 1024 * 1024;
  const socket = await dial(
    tap.url,
    `POST / HTTP/1.1\r\nHost: ${new URL(tap.url).host}\r\nContent-Length: ${whole}\r\n\r\n`,
  );
  const block = Buffer.alloc(64 * 1024);
  let taken = 0;
  const more = (): void => {
    while (taken < whole) {
      taken += block.length;
      if (!socket.write(block)) {
        socket.once('drain', more);
        return;
      }
    }
  };
  more();
  expect(await settled(() => taken)).toBeLessThan(whole / 2);
});

test('a client that goes away ends the upstream', async () => {
  let gone = false;
  const url = await upstreamOf((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const timer = setInterval(() => response.write('data: x\n\n'), 5);
    response.once('close', () => {
      clearInterval(timer);
      gone = true;
    });
  });
  const { tap, seen } = await tapOf(url);
  const controller = new AbortController();
  const reply = await request(tap.url, { signal: controller.signal });
  reply.body.on('error', () => {});
  await once(reply.body, 'readable');
  controller.abort();
  await until(() => gone);
  await tap.idle();
  expect(seen[0]).toMatchObject({ end: 'client-gone', response: { status: 200 } });
});

test('a client that goes away before the answer ends the upstream', async () => {
  let gone = false;
  const url = await upstreamOf((asked, response) => {
    asked.resume();
    response.once('close', () => (gone = true));
  });
  const { tap, seen } = await tapOf(url);
  const socket = await dial(
    tap.url,
    `POST /v1 HTTP/1.1\r\nHost: ${new URL(tap.url).host}\r\nContent-Length: 2\r\n\r\n{}`,
  );
  await sleep(100);
  socket.destroy();
  await until(() => gone);
  await tap.idle();
  expect(seen[0]).toMatchObject({ end: 'client-gone', response: undefined });
});

test.each(['reset', 'closed'])('an upstream that is %s mid-stream ends the client', async (how) => {
  const head =
    'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
  const { url } = await rawServer((socket) => {
    socket.write(`${head}9\r\ndata: 1\n\n\r\n`);
    setTimeout(() => {
      if (how === 'reset') socket.resetAndDestroy();
      else socket.end();
    }, 50);
  });
  const { tap, seen } = await tapOf(url);
  const socket = await dial(tap.url, `GET / HTTP/1.1\r\nHost: ${new URL(tap.url).host}\r\n\r\n`);
  const answer = await everything(socket);
  expect(answer).toContain('data: 1\n\n');
  // Without the last chunk no client can take it for a whole answer.
  expect(answer).not.toContain('\r\n0\r\n');
  await tap.idle();
  expect(seen[0]).toMatchObject({ end: 'upstream-broke', response: { body: { bytes: 9 } } });
});

test('an upstream that cannot be reached is a 502 that says so', async () => {
  // Nothing listens on port 1 of a machine that runs tests.
  const { tap, seen } = await tapOf('http://127.0.0.1:1');
  const reply = await request(`${tap.url}/v1/models`);
  expect(reply.statusCode).toBe(502);
  expect(await reply.body.json()).toMatchObject({
    error: { message: expect.stringMatching(/cannot get an answer.*ECONNREFUSED/) as string },
  });
  expect(seen[0]).toMatchObject({ end: 'no-answer', response: undefined });
});

test('bodies of many megabytes pass both ways', async () => {
  const url = await upstreamOf((asked, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    asked.pipe(response);
  });
  const { tap, seen } = await tapOf(url);
  const body = Buffer.alloc(24 * 1024 * 1024, 'seam');
  const reply = await request(tap.url, { method: 'POST', body });
  expect(Buffer.from(await reply.body.arrayBuffer()).equals(body)).toBe(true);
  await tap.idle();
  expect(seen[0]?.request.body).toMatchObject({ bytes: body.length, truncated: true });
  expect(seen[0]?.request.body.text).toHaveLength(16 * 1024 * 1024);
});

test('keys and cookies are written nowhere', async () => {
  const url = await upstreamOf((asked, response) => {
    asked.resume();
    response.writeHead(200, { 'set-cookie': 'session=planted-cookie-out', 'x-note': 'ok' });
    const text = JSON.stringify({ echo: asked.headers.authorization, fine: 'max_tokens' });
    // Split inside the key: each half alone would pass a check of single chunks.
    const middle = text.indexOf('planted') + 9;
    response.write(text.slice(0, middle));
    setTimeout(() => response.end(text.slice(middle)), 20);
  });
  const { tap, seen } = await tapOf(url, { secrets: ['planted-known-value'] });
  const reply = await request(`${tap.url}/v1/x?api_key=planted-in-query&n=1`, {
    method: 'POST',
    headers: {
      authorization: 'Bearer planted-bearer-key',
      'x-api-key': 'planted-x-api-key',
      cookie: 'a=planted-cookie-in; b=2',
      'x-litellm-api-key': 'planted-litellm-key',
    },
    body: JSON.stringify({
      model: 'm',
      max_tokens: 1,
      api_key: 'planted-in-body',
      note: 'planted-known-value planted-x-api-key planted-cookie-in',
    }),
  });
  expect(await reply.body.text()).toContain('planted-bearer-key');
  await tap.idle();
  const written = JSON.stringify(seen);
  expect(written).not.toContain('planted');
  const [exchange] = seen;
  expect(exchange && jsonOf(exchange.request.body)).toMatchObject({ model: 'm', max_tokens: 1 });
  expect(exchange?.path).toBe('/v1/x?api_key=[redacted]&n=1');
  expect(exchange?.response?.headers['x-note']).toBe('ok');
});

test('user and password of the upstream are sent to it and written nowhere', async () => {
  let authorization: string | undefined;
  const url = await upstreamOf((asked, response) => {
    authorization = asked.headers.authorization;
    const pair = Buffer.from(authorization?.replace('Basic ', '') ?? '', 'base64').toString();
    response.writeHead(200, { 'x-pair': pair, 'x-password': pair.replace(/^.*:/, '') });
    response.end(
      JSON.stringify([
        authorization,
        pair,
        pair.replace('planted', 'pl%61nted'),
        `password ${pair.replace(/^.*:/, '')}`,
      ]).replaceAll('-pass', String.raw`\u002dpass`),
    );
  });
  const { tap, seen } = await tapOf(url.replace('http://', 'http://planted-user:planted-pass@'));
  expect(await (await request(tap.url)).body.text()).toContain(String.raw`d\u002dpass`);
  expect(authorization).toBe(
    `Basic ${Buffer.from('planted-user:planted-pass').toString('base64')}`,
  );
  await tap.idle();
  expect(JSON.stringify([seen, tap])).not.toMatch(/planted|cGxhbnRlZ|pl%61nt|002dpass/);
  expect(seen[0]?.response?.body.text).toContain('[redacted]');
});

test('a password of the client is written nowhere, nor a secret in bytes that are no text', async () => {
  const url = await upstreamOf((asked, response) => {
    const pair = Buffer.from(asked.headers.authorization?.slice(6) ?? '', 'base64');
    response.end(Buffer.concat([Buffer.from([0xff]), pair]));
  });
  const { tap, seen } = await tapOf(url);
  const pair = Buffer.from('me:planted-pass').toString('base64');
  await (await request(tap.url, { headers: { authorization: `Basic ${pair}` } })).body.text();
  await tap.idle();
  const body = seen[0]?.response?.body;
  expect(body?.encoding).toBe('base64');
  expect(Buffer.from(body?.text ?? '', 'base64').toString('latin1')).toBe(`\xff${'*'.repeat(15)}`);
});

test('a secret in a compressed body is recorded neither plain nor compressed', async () => {
  const packed = gzipSync(JSON.stringify({ said: 'planted-key-1234', more: 'x'.repeat(50) }));
  const url = await upstreamOf((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
  });
  const secrets = ['planted-key-1234'];
  for (const [limit, text] of [
    [1000, JSON.stringify({ said: '[redacted]', more: 'x'.repeat(50) })],
    [30, ''],
  ] as const) {
    const { tap, seen } = await tapOf(url, { secrets, maxResponseBytes: limit });
    const reply = await request(tap.url);
    expect(Buffer.from(await reply.body.arrayBuffer()).equals(packed)).toBe(true);
    await tap.idle();
    expect(seen[0]?.response?.body).toEqual({
      bytes: packed.length,
      truncated: text === '',
      text,
      encoding: 'utf8',
    });
  }
});

test('a secret that the limit of a recording cuts in two is not recorded', async () => {
  const url = await upstreamOf((_, response) => response.end('x'.repeat(92) + 'planted-key-1234'));
  const { tap, seen } = await tapOf(url, { maxResponseBytes: 100, secrets: ['planted-key-1234'] });
  await (await request(tap.url)).body.text();
  await tap.idle();
  expect(seen[0]?.response?.body.text).toBe(`${'x'.repeat(92)}[redacted]`);
});

test('a page on the web that resolves its name to the tap is turned away', async () => {
  let asked = false;
  const url = await upstreamOf((_, response) => {
    asked = true;
    response.end();
  });
  const { tap, seen } = await tapOf(url);
  const reply = await request(tap.url, { headers: { host: 'evil.example' } });
  expect(reply.statusCode).toBe(403);
  expect([asked, seen]).toEqual([false, []]);
});

test('closing ends what is open on both sides', async () => {
  let gone = false;
  const url = await upstreamOf((_, response) => {
    response.writeHead(200);
    response.write('x');
    response.once('close', () => (gone = true));
  });
  const { tap } = await tapOf(url);
  const socket = await dial(tap.url, `GET / HTTP/1.1\r\nHost: ${new URL(tap.url).host}\r\n\r\n`);
  await once(socket, 'data');
  const closed = once(socket, 'close');
  await tap.close();
  await closed;
  await until(() => gone);
});
