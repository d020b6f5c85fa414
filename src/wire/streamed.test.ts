import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { HttpClient, StreamReply } from './http.ts';
import { serve, serveRaw } from './loopback.test-help.ts';

const signal = new AbortController().signal;
const CHUNKED =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n';

async function readAll(client: HttpClient): Promise<StreamReply & { readonly data: string[] }> {
  const data: string[] = [];
  const reply = await client.stream(
    '/v1/completions',
    { n: 1 },
    {
      signal,
      onData: (one) => {
        data.push(one);
      },
    },
  );
  return { ...reply, data };
}

function open(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(text);
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

describe('done', () => {
  test('the data and the raw bytes are kept, each stream has a connection of its own', async () => {
    const body = ': hi\n\nevent: delta\ndata: é\n\ndata: [DONE]\n\n';
    let sockets = 0;
    const { client, url, server } = await serve((_, response) => {
      open(response, body);
      setTimeout(() => response.end(': bye\n\n'), 5);
    });
    server.on('connection', () => (sockets += 1));
    for (let turn = 0; turn < 3; turn += 1) {
      const reply = await readAll(client);
      expect(reply).toMatchObject({ status: 200, end: { kind: 'done' }, events: 1, data: ['é'] });
      expect(reply.headers['content-type']).toBe('text/event-stream');
      expect(reply.request).toEqual({
        method: 'POST',
        url: `${url}/v1/completions`,
        body: { n: 1 },
      });
      expect(Buffer.concat(reply.capture.map((one) => one.bytes)).toString()).toBe(
        `${body}: bye\n\n`,
      );
      expect(reply.firstEventMs).toBeLessThanOrEqual(reply.totalMs);
    }
    expect(sockets).toBe(3);
    expect(client.requests).toBe(3);
  });

  test('a server that keeps the connection open afterwards is left after a second', async () => {
    const { client, server } = await serve((_, response) => open(response, 'data: [DONE]\n\n'));
    const gone = closed(server);
    const startedAt = performance.now();
    const reply = await readAll(client);
    expect(reply.end).toEqual({ kind: 'done' });
    const waited = performance.now() - startedAt - reply.totalMs;
    expect(waited).toBeGreaterThan(900);
    await gone;
  });

  test('a server that goes on and on afterwards is left at once', async () => {
    const { client, server } = await serve((_, response) => {
      open(response, 'data: [DONE]\n\n');
      response.write('x'.repeat(300_000));
    });
    const gone = closed(server);
    expect((await readAll(client)).end).toEqual({ kind: 'done' });
    await gone;
  });

  test('a connection that breaks afterwards is still done', async () => {
    const { client } = await serve((_, response) => {
      open(response, 'data: [DONE]\n\n');
      setTimeout(() => response.socket?.resetAndDestroy(), 20);
    });
    expect((await readAll(client)).end).toEqual({ kind: 'done' });
  });
});

describe('ends that the server makes', () => {
  test('closed: no [DONE]', async () => {
    const { client } = await serve((_, response) => {
      open(response, 'data: 1\n\n');
      response.end();
    });
    expect(await readAll(client)).toMatchObject({ end: { kind: 'closed' }, data: ['1'] });
  });

  test('truncated: inside an event, inside a character', async () => {
    const last = [Buffer.from('data: {"a'), Buffer.from([0x3a, 0xf0, 0x9f])];
    const { client } = await serve((_, response) => {
      open(response, 'data: 1\n\n');
      response.end(last.shift());
    });
    expect(await readAll(client)).toMatchObject({ end: { kind: 'truncated' }, data: ['1'] });
    expect((await readAll(client)).end).toEqual({
      kind: 'truncated',
      detail: 'the body ends inside a character',
    });
  });

  test('error-event: an event, or a JSON body with status 200', async () => {
    const bodies = [
      [
        'text/event-stream',
        'data: 1\n\ndata: {"error":{"message":"out of memory"}}\n\ndata: 2\n\n',
      ],
      ['application/json', '{"error":{"message":"out of memory"}}'],
    ] as const;
    for (const [type, body] of bodies) {
      const { client } = await serve((_, response) => {
        response.writeHead(200, { 'content-type': type }).end(body);
      });
      const reply = await readAll(client);
      expect(reply.end).toEqual({
        kind: 'error-event',
        message: 'out of memory',
        body: '{"error":{"message":"out of memory"}}',
      });
      expect(reply.data).not.toContain('2');
    }
  });

  test('garbled: HTML, JSON, a compressed body', async () => {
    const bodies = [
      [{ 'content-type': 'text/html' }, '<html>', 'no event stream (text/html): "<html>"'],
      [{ 'content-type': 'application/json' }, '{"id":1}', 'one JSON value'],
      [{ 'content-encoding': 'gzip' }, gzipSync('data: 1\n\n'), 'not asked for: gzip'],
    ] as const;
    for (const [headers, body, detail] of bodies) {
      const { client } = await serve((request, response) => {
        expect(request.headers['accept-encoding']).toBe('identity');
        response.writeHead(200, headers).end(body);
      });
      const { end } = await readAll(client);
      expect(end).toEqual({ kind: 'garbled', detail: expect.stringContaining(detail) });
    }
  });

  test('garbled: an event without end', async () => {
    const { client, server } = await serve(
      (_, response) => open(response, `data: ${'x'.repeat(2000)}`),
      {
        maxEventBytes: 1000,
      },
    );
    const gone = closed(server);
    expect((await readAll(client)).end.kind).toBe('garbled');
    await gone;
  });
});

describe('reset: whatever came before is kept', () => {
  const cases: [string, (socket: Socket) => void][] = [
    [
      'a length that is not kept',
      (socket) => {
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ndata: 1\n\ndata: 2');
      },
    ],
    ['no last chunk', (socket) => socket.end(`${CHUNKED}\r\n${chunk('data: 1\n\n')}`)],
    [
      'no last chunk, connection: close',
      (socket) => socket.end(`${CHUNKED}connection: close\r\n\r\n${chunk('data: 1\n\n')}`),
    ],
    ['half a chunk', (socket) => socket.end(`${CHUNKED}\r\n20\r\ndata: 1\n\n`)],
    [
      'RST',
      (socket) => {
        socket.write(`${CHUNKED}\r\n${chunk('data: 1\n\n')}`);
        setTimeout(() => socket.resetAndDestroy(), 20);
      },
    ],
    ['bad framing', (socket) => socket.end(`${CHUNKED}\r\n${chunk('data: 1\n\n')}zz\r\n`)],
  ];
  test.each(cases)('%s', async (_, answer) => {
    const { client } = await serveRaw(answer);
    const reply = await readAll(client);
    expect(reply).toMatchObject({ end: { kind: 'reset' }, data: ['1'] });
    expect(reply.end).toHaveProperty('detail', expect.stringMatching(/\w/));
  });

  test('but a body without any framing ends with its connection', async () => {
    const { client } = await serveRaw((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\ndata: 1\n\n'));
    expect((await readAll(client)).end).toEqual({ kind: 'closed' });
  });
});

describe('aborted', () => {
  test('by onData: the server sees the disconnect, nothing more is delivered', async () => {
    const { client, server } = await serve((_, response) => {
      open(response, 'data: 1\n\ndata: 2\n\ndata: 3\n\n');
    });
    const gone = closed(server);
    const data: string[] = [];
    const reply = await client.stream(
      '/',
      {},
      {
        signal,
        onData: (one) => {
          data.push(one);
          return one === '2';
        },
      },
    );
    expect(reply).toMatchObject({ end: { kind: 'aborted' }, events: 2 });
    expect(data).toEqual(['1', '2']);
    await gone;
  });

  test.each(['inside onData', 'between events'])('by the signal, %s', async (when) => {
    const { client, server } = await serve((_, response) => {
      open(response, 'data: 1\n\ndata: 2\n\n');
    });
    const gone = closed(server);
    const controller = new AbortController();
    const data: string[] = [];
    const reply = await client.stream(
      '/',
      {},
      {
        signal: controller.signal,
        onData: (one) => {
          data.push(one);
          if (when === 'inside onData') controller.abort();
          else setTimeout(() => controller.abort(), 10);
        },
      },
    );
    expect(reply.end).toEqual({ kind: 'aborted' });
    expect(data).toEqual(when === 'inside onData' ? ['1'] : ['1', '2']);
    await gone;
  });

  test('by closing the client', async () => {
    const { client } = await serve((_, response) => open(response, 'data: 1\n\n'));
    let heard = 0;
    const options = { signal: new AbortController().signal, onData: () => void heard++ };
    const reading = client.stream('/', {}, options);
    await expect.poll(() => heard).toBe(1);
    await client.close();
    expect((await reading).end).toEqual({ kind: 'aborted' });
  });

  test('before the headers it is interrupted', async () => {
    const { client } = await serve(() => undefined);
    const controller = new AbortController();
    const options = { signal: controller.signal, onData: (): void => undefined };
    setTimeout(() => controller.abort(), 20);
    await expect(client.stream('/', {}, options)).rejects.toMatchObject({ code: 'interrupted' });
    await expect(client.stream('/', {}, options)).rejects.toMatchObject({ code: 'interrupted' });
    expect(client.requests).toBe(1);
  });
});

describe('stalled', () => {
  test('silence', async () => {
    const { client, server } = await serve((_, response) => open(response, 'data: 1\n\n'), {
      stallMs: 60,
    });
    const gone = closed(server);
    expect(await readAll(client)).toMatchObject({
      end: { kind: 'stalled', afterMs: 60 },
      data: ['1'],
    });
    await gone;
  });

  test('comments break the silence, but not for ever', async () => {
    const timers: NodeJS.Timeout[] = [];
    const { client } = await serve(
      (_, response) => {
        open(response, 'data: 1\n\n');
        timers.push(setInterval(() => response.write(': ping\n\n'), 10));
      },
      { stallMs: 50 },
    );
    const reply = await readAll(client);
    timers.forEach((timer) => clearInterval(timer));
    expect(reply.end).toEqual({ kind: 'stalled', afterMs: 500 });
    expect(reply.totalMs).toBeGreaterThan(490);
  });
});

describe('events in HTTP chunks of their own', () => {
  const EVENTS = ['one', 'two', 'drei…', 'four'].map((word) => `data: ${word}\n\n`);

  test('that came at once are one piece, read at one time', async () => {
    const { client } = await serveRaw((socket) => {
      socket.end(`${CHUNKED}\r\n${[...EVENTS, ''].map(chunk).join('')}`);
    });
    const times: number[] = [];
    const { capture, end, events } = await client.stream(
      '/',
      {},
      {
        signal,
        onData: (_, atMs) => {
          times.push(atMs);
        },
      },
    );
    expect({ end, events }).toEqual({ end: { kind: 'closed' }, events: 4 });
    expect(capture.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual([EVENTS.join('')]);
    expect(times).toEqual(EVENTS.map(() => capture[0]?.atMs));
  });

  test('that came one after the other are pieces with times of their own', async () => {
    const { client } = await serveRaw((socket) => {
      socket.write(`${CHUNKED}\r\n`);
      for (const [i, event] of [...EVENTS, ''].entries())
        setTimeout(() => socket.write(chunk(event)), 30 * i);
    });
    const { capture, end } = await client.stream('/', {}, { signal, onData: () => undefined });
    expect(end).toEqual({ kind: 'closed' });
    expect(Buffer.concat(capture.map(({ bytes }) => bytes)).toString()).toBe(EVENTS.join(''));
    const times = capture.map(({ atMs }) => atMs);
    expect(times.length).toBeGreaterThan(1);
    expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b));
  });

  test('that came with the break of the connection are heard', async () => {
    const { client } = await serveRaw((socket) => {
      socket.end(`${CHUNKED}\r\n${EVENTS.map(chunk).join('')}`);
    });
    const reply = await readAll(client);
    expect(reply).toMatchObject({ end: { kind: 'reset' }, data: ['one', 'two', 'drei…', 'four'] });
  });

  test('that came after the one at which reading was stopped are not heard', async () => {
    const { client, server } = await serveRaw((socket) => {
      socket.write(`${CHUNKED}\r\n${EVENTS.map(chunk).join('')}`);
    });
    const gone = closed(server);
    const data: string[] = [];
    const onData = (one: string): boolean => data.push(one) === 2;
    const { end, events } = await client.stream('/', {}, { signal, onData });
    expect({ end, events, data }).toEqual({
      end: { kind: 'aborted' },
      events: 2,
      data: ['one', 'two'],
    });
    await gone;
  });
});

test('what onData throws comes back, and the connection is closed', async () => {
  const { client, server } = await serve((_, response) => open(response, 'data: 1\n\n'));
  const gone = closed(server);
  const mine = new RangeError('mine');
  const onData = (): never => {
    throw mine;
  };
  await expect(client.stream('/', {}, { signal, onData })).rejects.toBe(mine);
  await gone;
});

test('without keepCapture no bytes are kept', async () => {
  const { client } = await serve((_, response) => {
    response.end('data: 1\n\n');
  });
  const reply = await client.stream('/', {}, { signal, keepCapture: false, onData: () => false });
  expect(reply).toMatchObject({ capture: [], events: 1 });
});

test('a key that the server repeats is hidden', async () => {
  const { client } = await serve(
    (request, response) => {
      open(response, `data: {"error":"bad ${request.headers.authorization}"}\n\n`);
      response.end();
    },
    { headers: { Authorization: 'Bearer sk-123456' } },
  );
  const reply = await readAll(client);
  expect(reply.end).toMatchObject({ kind: 'error-event', message: 'bad [redacted]' });
  expect(JSON.stringify([reply.end, reply.request])).not.toContain('sk-123456');
});

/** Resolves when the server has seen its next connection go. */
async function closed(server: { once: unknown } & NodeJS.EventEmitter): Promise<void> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  await new Promise((resolve) => {
    if (socket.destroyed) resolve(undefined);
    else socket.on('error', () => undefined).once('close', resolve);
  });
}
