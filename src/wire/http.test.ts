import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { SeamstressError } from '../errors.ts';
import { HttpClient } from './http.ts';
import { serve, serveRaw, textOf } from './loopback.test-help.ts';
import { Refusal } from './refusal.ts';

const signal = new AbortController().signal;

async function failure(promise: Promise<unknown>): Promise<SeamstressError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SeamstressError);
  return error as SeamstressError;
}

async function refusal(promise: Promise<unknown>): Promise<Refusal> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Refusal);
  return error as Refusal;
}

describe('json', () => {
  test('sends and reads JSON', async () => {
    const { client, url } = await serve((request, response) => {
      void textOf(request).then((body) =>
        response.end(
          JSON.stringify({
            method: request.method,
            url: request.url,
            body,
            type: request.headers['content-type'],
          }),
        ),
      );
    });
    const post = await client.json('POST', '/tokenize?x=1', { content: 'é' }, signal);
    expect(post.body).toEqual({
      method: 'POST',
      url: '/tokenize?x=1',
      body: '{"content":"é"}',
      type: 'application/json',
    });
    expect(post).toMatchObject({ status: 200, ms: expect.any(Number) });
    expect(post.request).toEqual({
      method: 'POST',
      url: `${url}/tokenize?x=1`,
      body: { content: 'é' },
    });
    const get = await client.json('GET', '/props', undefined, signal);
    expect(get.body).toEqual({ method: 'GET', url: '/props', body: '' });
    expect(client.requests).toBe(2);
  });

  test('a byte order mark is dropped, an empty body is undefined', async () => {
    const bodies = ['\uFEFF{"a":1}', ''];
    const { client } = await serve((_, response) => response.end(bodies.shift()));
    expect((await client.json('GET', '/', undefined, signal)).body).toEqual({ a: 1 });
    expect((await client.json('GET', '/', undefined, signal)).body).toBeUndefined();
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])('a body in %s is read although not asked for', async (encoding, compress) => {
    const { client } = await serve(
      (_, response) => {
        response.writeHead(200, { 'content-encoding': encoding }).end(compress('{"a":1}'));
      },
      { maxBodyBytes: 100 },
    );
    expect((await client.json('GET', '/', undefined, signal)).body).toEqual({ a: 1 });
  });

  test('a body that is too large, also once decompressed', async () => {
    const body = JSON.stringify('x'.repeat(5000));
    const { client } = await serve(
      (request, response) => {
        if (request.url === '/plain') response.end(body);
        else response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(body));
      },
      { maxBodyBytes: 1000 },
    );
    const plain = await failure(client.json('GET', '/plain', undefined, signal));
    expect(plain.message).toMatch(/larger than 1000 bytes$/);
    const packed = await failure(client.json('GET', '/packed', undefined, signal));
    expect(packed).toMatchObject({ code: 'target' });
  });

  test('a body that is no JSON', async () => {
    const { client, url } = await serve((_, response) => response.end('<html>\nhello'));
    const error = await failure(client.json('GET', '/props', undefined, signal));
    expect(error).toMatchObject({
      code: 'target',
      message: String.raw`GET ${url}/props: the answer is not JSON: "<html>\nhello"`,
      hint: "Is this the server's root URL?",
    });
  });

  test('an answer that is nested without an end is named, however it ends', async () => {
    const { client, url } = await serve((request, response) => {
      const depth = Number(request.url?.slice(1));
      response.end(
        `{"x":${'['.repeat(depth)}${request.method === 'GET' ? ']'.repeat(depth) : ''}}`,
      );
    });
    expect((await client.json('GET', '/499', undefined, signal)).status).toBe(200);
    for (const depth of [500, 20_000, 5_000_000]) {
      const error = await failure(client.json('GET', `/${depth}`, undefined, signal));
      expect(error).toMatchObject({
        code: 'target',
        message: `GET ${url}/${depth}: the answer is too deeply nested (more than 500 levels)`,
      });
    }
    expect((await failure(client.json('POST', '/60000000', {}, signal))).message).toMatch(
      /too deeply nested/,
    );
  });

  test('a refusal that is nested without an end is a refusal', async () => {
    const bodies = [
      `${'[{"msg":"x"},'.repeat(4000)}0${']'.repeat(4000)}`,
      `${'{"error":'.repeat(3000)}"x"${'}'.repeat(3000)}`,
    ];
    const { client } = await serve((request, response) => {
      response.writeHead(500).end(bodies[Number(request.url?.slice(1))]);
    });
    for (const i of [0, 1])
      expect((await refusal(client.json('GET', `/${i}`, undefined, signal))).status).toBe(500);
  });

  test.each([
    ['/stall', 50, /stopped halfway: nothing for 50 ms$/],
    ['/reset', 20_000, /connection lost in the answer/],
  ])('a body that stops: %s', async (path, stallMs, says) => {
    const { client } = await serve(
      (request, response) => {
        response.writeHead(200, { 'content-length': 99 }).write('{');
        if (request.url === '/reset') setTimeout(() => response.socket?.resetAndDestroy(), 10);
      },
      { stallMs },
    );
    const error = await failure(client.json('GET', path, undefined, signal));
    expect(error.message).toMatch(says);
  });

  test('an abort, before and within the answer', async () => {
    const { client } = await serve((request, response) => {
      if (request.url === '/within') response.writeHead(200).write('{');
    });
    for (const path of ['/before', '/within']) {
      const error = await failure(client.json('GET', path, undefined, AbortSignal.timeout(50)));
      expect(error.code).toBe('interrupted');
    }
  });
});

describe('a refusal', () => {
  test('has the status, the words and the request', async () => {
    const { client, url } = await serve((_, response) => {
      response.writeHead(503, { 'retry-after': '7' }).end('{"error":{"message":"Loading model"}}');
    });
    const request = { method: 'POST', url: `${url}/v1/x`, body: { a: 1 } };
    const streamed = await refusal(
      client.stream('/v1/x', { a: 1 }, { signal, onData: () => true }),
    );
    const json = await refusal(client.json('POST', '/v1/x', { a: 1 }, signal));
    for (const error of [streamed, json]) {
      expect(error).toMatchObject({
        name: 'Refusal',
        status: 503,
        message: 'Loading model',
        body: '{"error":{"message":"Loading model"}}',
        retryAfterSeconds: 7,
        request,
      });
    }
  });

  test('keeps 64 KiB, and what came of a body that stops', async () => {
    const { client } = await serve(
      (request, response) => {
        response.writeHead(500);
        if (request.url === '/long') response.end('x'.repeat(200_000));
        else response.write('out of');
      },
      { stallMs: 50 },
    );
    const long = await refusal(client.json('GET', '/long', undefined, signal));
    expect(long.body).toHaveLength(65_536);
    const short = await refusal(client.json('GET', '/short', undefined, signal));
    expect(short.message).toBe('out of');
  });

  test('a redirect is not followed', async () => {
    let asked = 0;
    const { client } = await serve((_, response) => {
      asked += 1;
      response.writeHead(307, { location: 'https://user:pass@example.com/v1/x' }).end();
    });
    const error = await refusal(client.json('POST', '/v1/x', {}, signal));
    expect(error).toMatchObject({
      status: 307,
      message: 'HTTP 307: redirects to https://example.com/v1/x; give that URL yourself',
    });
    expect(asked).toBe(1);
  });

  test.each([
    ['in a query', (key: string) => `https://example.com/?k=${key}&x`],
    ['in a path', (key: string) => `/login/${key}`],
    ['as a host', (key: string) => `https://${key.replaceAll(/[^\w-]/g, '')}.example.com/`],
    [
      'encoded',
      (key: string) =>
        `/?k=${encodeURIComponent(key).replaceAll(/%../g, (code) => code.toLowerCase())}`,
    ],
    ['as a fragment, in JSON', (key: string) => `/#${encodeURIComponent(JSON.stringify({ key }))}`],
    ['with a user', (key: string) => `https://${encodeURIComponent(key)}:x@example.com/${key}`],
  ])('a key that the server repeats in a redirect is hidden: %s', async (_where, to) => {
    const keys = ['sk-live&<a>"b`{c}', 'SK-Live-4f81c09d'];
    for (const key of keys) {
      const { client } = await serve(
        (_, response) => {
          response.writeHead(302, { location: to(key) }).end();
        },
        { headers: { authorization: `Bearer ${key}` } },
      );
      const error = await refusal(client.json('GET', '/', undefined, signal));
      const simple = key.replaceAll(/[^\w-]/g, '');
      expect(error.message).toMatch(/^HTTP 302: redirects to /);
      // What is left of the first key as a host is not the key.
      if (to('!') !== 'https://.example.com/' || key === simple)
        expect(error.message).not.toMatch(/sk-live/i);
    }
  });

  test.each(['latin1', 'utf8'] as const)(
    'a password that is not ASCII is hidden in a redirect that holds it as %s',
    async (charset) => {
      const { url } = await serveRaw((socket) => {
        const head = 'HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: /?p=pässwort77\r\n\r\n';
        socket.write(Buffer.from(head, charset));
      });
      const client = new HttpClient({ url: url.replace('//', '//me:p%C3%A4sswort77@') });
      const error = await refusal(client.json('GET', '/', undefined, signal));
      await client.close();
      expect(error.message).toBe(
        `HTTP 302: redirects to ${url}/?p=[redacted]; give that URL yourself`,
      );
    },
  );

  test('a key that a body breaks off in is hidden as far as it came', async () => {
    const { client } = await serve(
      (_, response) => {
        response.writeHead(401, { 'content-length': 99 }).write('bad sk-1234567890');
      },
      { headers: { authorization: 'Bearer sk-1234567890123456' }, stallMs: 50 },
    );
    const error = await refusal(client.json('GET', '/', undefined, signal));
    expect(error.message).toBe('bad [redacted]');
  });

  test('the word that stands before a key is not hidden', async () => {
    const { client } = await serve(
      (_, response) => {
        response.writeHead(401).end('give a Bearer token');
      },
      { headers: { authorization: 'Bearer sk-1234567890' } },
    );
    const error = await refusal(client.json('GET', '/', undefined, signal));
    expect(error.message).toBe('give a Bearer token');
  });

  test('a key that the server repeats is hidden', async () => {
    const { client } = await serve(
      (request, response) => {
        const { authorization } = request.headers;
        response.writeHead(401).end(JSON.stringify({ detail: `bad ${authorization}` }));
      },
      { headers: { authorization: 'Bearer sk-123456' } },
    );
    const error = await refusal(client.json('GET', '/', undefined, signal));
    expect(error.message).toBe('bad [redacted]');
    expect(JSON.stringify(error)).not.toContain('sk-123456');
  });
});

describe('no answer', () => {
  test('nobody listens', async () => {
    const nobody = new HttpClient({ url: 'http://127.0.0.1:1' });
    const error = await failure(nobody.json('GET', '/props', undefined, signal));
    expect(error).toMatchObject({
      code: 'target',
      message: 'http://127.0.0.1:1/props: connection refused',
      hint: expect.stringContaining('running'),
    });
    await nobody.close();
    const closed = await failure(nobody.json('GET', '/props', undefined, signal));
    expect(closed.code).toBe('interrupted');
  });

  test('no headers in time', async () => {
    const { client, url } = await serve(() => undefined, { headersMs: 80 });
    const error = await failure(client.json('POST', '/x', {}, signal));
    expect(error).toMatchObject({
      code: 'target',
      message: `POST ${url}/x: no answer within 80 ms`,
    });
  });

  test('the connection is closed, and the request is not sent again', async () => {
    let asked = 0;
    const { client, url } = await serveRaw((socket) => {
      asked += 1;
      socket.destroy();
    });
    const error = await failure(client.stream('/x', {}, { signal, onData: () => true }));
    expect(error).toMatchObject({
      code: 'target',
      message: `POST ${url}/x: connection closed before the answer`,
    });
    expect(asked).toBe(1);
  });

  test('not HTTP, or not https', async () => {
    const { client, url } = await serveRaw((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
    const notHttp = await failure(client.json('GET', '/', undefined, signal));
    expect(notHttp).toMatchObject({
      message: expect.stringMatching(/not HTTP/),
      hint: expect.stringContaining('https'),
    });
    const secure = new HttpClient({ url: url.replace('http:', 'https:') });
    const notTls = await failure(secure.json('GET', '/', undefined, signal));
    expect(notTls).toMatchObject({
      message: expect.stringMatching(/no TLS connection/),
      hint: expect.stringContaining('https'),
    });
    await secure.close();
  });

  test('a header that cannot be sent', async () => {
    const { client } = await serve(() => undefined, {
      headers: { authorization: 'Bearer a\nsecret' },
    });
    const error = await failure(client.json('GET', '/', undefined, signal));
    expect(error.code).toBe('usage');
    expect(error.message).not.toContain('secret');
  });
});

test('a user and password in the URL are sent, and shown nowhere', async () => {
  let sent: string | undefined;
  const { url } = await serve((request, response) => {
    sent = request.headers.authorization;
    response.end('{}');
  });
  const client = new HttpClient({ url: url.replace('//', '//me:pa%20ss@') });
  expect(client.url).toBe(url);
  const reply = await client.json('GET', '/', undefined, signal);
  expect(sent).toBe(`Basic ${Buffer.from('me:pa ss').toString('base64')}`);
  expect(reply.request.url).toBe(`${url}/`);
  await client.close();
});

test('a prefix before /v1 is kept', async () => {
  const { url } = await serve((request, response) => response.end(JSON.stringify(request.url)));
  const client = new HttpClient({ url: `${url}/proxy/v1/` });
  expect((await client.json('GET', '/props', undefined, signal)).body).toBe('/proxy/props');
  await client.close();
});

describe('a server that repeats what it was sent', () => {
  const key = 'sk-"1/2\\3';

  test.each([
    ['plain', key],
    ['in JSON', JSON.stringify(key).slice(1, -1)],
    ['in JSON with escaped slashes', JSON.stringify(key).slice(1, -1).replaceAll('/', '\\/')],
    ['in a URL', encodeURIComponent(key)],
    ['in a URL, in small letters', encodeURIComponent(key).toLowerCase()],
    ['as Python writes JSON', key.replace('-', String.raw`\u002d`)],
    ['as codes', Array.from(key, (one) => `\\u00${one.charCodeAt(0).toString(16)}`).join('')],
    ['in HTML', key.replace('"', '&quot;').replace('/', '&#x2F;')],
    ['in Base64', Buffer.from(key).toString('base64')],
    ['in Base64 with more', Buffer.from(`: ${key}.`).toString('base64url')],
    ['of the URL in a form', 'se+cret'],
    ['of the URL', 'se cret'],
    ['of the URL, encoded', 'se%20cret'],
    ['of the URL, with the user', 'me:se cret'],
  ])('the secret %s is in no error, no value, no event and no capture', async (_what, spelt) => {
    const { url } = await serve((request, response) => {
      if (request.url === '/no') response.writeHead(401).end(`wrong: ${spelt}!`);
      else if (request.url === '/json') response.end(JSON.stringify({ said: `a ${spelt} b` }));
      else if (request.url === '/raw') response.end(`"${spelt}`);
      else if (request.url === '/error') response.end(`data: {"error":{"message":"${spelt}"}}\n\n`);
      else {
        const bytes = Buffer.from(`data: {"said":${JSON.stringify(`a ${spelt} b`)}}\n\n`);
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        // The secret is cut in two.
        response.write(bytes.subarray(0, 18));
        setTimeout(() => response.end(bytes.subarray(18)), 20);
      }
    });
    const client = new HttpClient({
      url: url.replace('//', '//me:se%20cret@'),
      headers: { 'x-api-key': key },
    });
    const heard: string[] = [];
    const read = { signal, onData: (data: string) => void heard.push(data) };
    const streams = [await client.stream('/', {}, read), await client.stream('/error', {}, read)];
    const captured = streams.map(({ capture }) =>
      Buffer.concat(capture.map(({ bytes }) => bytes)).toString(),
    );
    const all = [
      await refusal(client.json('GET', '/no', undefined, signal)),
      await failure(client.json('GET', '/raw', undefined, signal)),
      await client.json('GET', '/json', undefined, signal),
      ...streams.map(({ end, request }) => ({ end, request })),
    ];
    await client.close();
    const shown = [
      ...all.flatMap((one) => [JSON.stringify(one), one instanceof Error ? one.message : '']),
      ...heard,
      ...captured,
    ].join('\n');
    expect(shown).not.toContain('se cret');
    expect(shown).not.toContain('se%20cret');
    expect(shown).not.toContain(JSON.stringify(spelt).slice(1, -1));
    expect(shown).not.toContain(spelt);
    expect(shown).toContain('[redacted]');
    expect(shown).toContain('***');
  });
});

describe('bodies without end', () => {
  test('a JSON answer, a byte at a time, and a refusal', async () => {
    const { client } = await serve(
      (request, response) => {
        response.writeHead(request.url === '/no' ? 500 : 200);
        const timer = setInterval(() => response.write(' '), 20);
        response.once('close', () => clearInterval(timer));
      },
      { stallMs: 100 },
    );
    const error = await failure(client.json('GET', '/', undefined, signal));
    expect(error.message).toMatch(/the answer was not whole after 1000 ms$/);
    const refused = await refusal(client.json('GET', '/no', undefined, signal));
    expect(refused.message).toBe('HTTP 500');
  });

  test.each([
    [{ maxStreamBytes: 10_000 }, {}, 'more than 10000 bytes'],
    [{}, { maxEvents: 50 }, 'more than 50 events'],
  ])('a stream: %o %o', async (limits, more, why) => {
    const { client } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => response.write('data: {"a":"an event"}\n\n'.repeat(20)), 1);
      response.once('close', () => clearInterval(timer));
    }, limits);
    const read = { signal, onData: () => undefined, ...more };
    expect((await client.stream('/', {}, read)).end).toEqual({
      kind: 'garbled',
      detail: `the stream does not end: ${why}`,
    });
  });
});
