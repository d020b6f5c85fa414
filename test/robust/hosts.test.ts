/** Servers that we start listen on loopback, and answer nobody who came under another name. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startInterrupter } from '../../src/audit/interrupter.ts';
import { startReference } from '../../src/reference/server.ts';
import { startTap } from '../../src/tap/tap.ts';
import { serve } from '../commands/server.test-help.ts';

interface Started {
  readonly url: string;
  /** Requests that came through to what stands behind; 0 where nothing does. */
  readonly passed: () => number;
}

async function behind(): Promise<Started> {
  let passed = 0;
  const url = await serve((_request, response) => {
    passed++;
    response.end('{}');
  });
  return { url, passed: () => passed };
}

const SERVERS: Readonly<Record<string, () => Promise<Started>>> = {
  embedded: async () => {
    const server = await startReference();
    onTestFinished(() => server.close());
    return { url: server.url, passed: () => 0 };
  },
  tap: async () => {
    const { url: upstream, passed } = await behind();
    const tap = await startTap({ upstream });
    onTestFinished(() => tap.close());
    return { url: tap.url, passed };
  },
  audit: async () => {
    const { url: upstream, passed } = await behind();
    const interrupter = await startInterrupter({
      upstream,
      interruption: { refusePrefill: false },
      after: 1,
      stallMs: 1000,
      retryAfterSeconds: 1,
    });
    onTestFinished(() => interrupter.close());
    return { url: interrupter.url, passed };
  },
};

/** The status line of an answer to a request with this Host header; undefined sends none. */
async function statusFor(url: string, host: string | undefined): Promise<number> {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  const header = host === undefined ? '' : `Host: ${host}\r\n`;
  socket.write(`GET /v1/models HTTP/1.0\r\n${header}Connection: close\r\n\r\n`);
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) text += chunk as string;
  return Number(text.split(' ')[1]);
}

describe.each(Object.keys(SERVERS))('%s', (name) => {
  const begin = async (): Promise<Started> => (await SERVERS[name]?.()) as Started;

  test.each([
    'example.com',
    'example.com:80',
    '127.0.0.1.example.com',
    'localhost.example.com',
    'localhost@example.com',
    '0.0.0.0',
    '10.0.0.1',
    '128.0.0.1',
    '',
    undefined,
  ])('refuses Host %j', async (host) => {
    const { url, passed } = await begin();
    expect(await statusFor(url, host)).toBe(403);
    expect(passed()).toBe(0);
  });

  test.each(['127.0.0.1', '127.0.0.1:1', 'localhost', 'LOCALHOST:80', '[::1]:80', '127.9.9.9'])(
    'answers Host %s',
    async (host) => {
      const { url } = await begin();
      expect(await statusFor(url, host)).toBe(200);
    },
  );

  const others = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, family }) => !internal && family === 'IPv4');
  test.skipIf(others.length === 0)('does not listen on other addresses', async () => {
    const { url } = await begin();
    const { port } = new URL(url);
    for (const { address } of others) {
      const socket = connect(Number(port), address);
      const error = await once(socket, 'connect').then(
        () => undefined,
        (reason: unknown) => (reason as { code: string }).code,
      );
      socket.destroy();
      expect(error).toBe('ECONNREFUSED');
    }
  });
});
