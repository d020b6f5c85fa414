import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { examine, examineNode } from './doctor.ts';
import { freePort } from './port.ts';
import { examineTarget } from './target.ts';

const { signal } = new AbortController();

describe('examine', () => {
  let cache: string;
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'seamstress-doctor-'));
    vi.stubEnv('SEAMSTRESS_CACHE', cache);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(cache, { recursive: true });
  });

  test('covers everything, and each failure has a fix', async () => {
    const diagnoses = await examine({ signal });
    expect(diagnoses.map(({ what }) => what)).toEqual([
      'Node.js',
      'Python',
      'package index',
      'cache folder',
      'cached engines',
      'bundled model',
      'bundled tokenizer',
    ]);
    expect(diagnoses.filter(({ status, fix }) => status === 'missing' && !fix)).toEqual([]);
    const found = Object.fromEntries(diagnoses.map(({ what, ...rest }) => [what, rest]));
    expect(found['bundled model']).toMatchObject({ status: 'ok' });
    expect(found['bundled tokenizer']).toMatchObject({ status: 'ok' });
    expect(found['cache folder']).toMatchObject({
      found: expect.stringContaining(cache) as string,
    });
  });

  test('a cache folder that cannot be', async () => {
    vi.stubEnv('SEAMSTRESS_CACHE', join(import.meta.filename, 'below-a-file'));
    const diagnoses = await examine({ signal });
    expect(diagnoses.find(({ what }) => what === 'cache folder')).toMatchObject({
      status: 'missing',
      fix: expect.stringContaining('SEAMSTRESS_CACHE') as string,
    });
  });

  test('stops when told to', async () => {
    await expect(examine({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'interrupted',
    });
  });
});

test.each([
  ['20.18.3', 'missing'],
  ['18.20.0', 'missing'],
  ['20.19.0', 'ok'],
  ['20.20.2', 'ok'],
  ['24.1.0', 'ok'],
])('Node %s is %s', (version, status) => {
  expect(examineNode(version).status).toBe(status);
});

interface Route {
  readonly body: unknown;
  readonly status?: number;
  readonly headers?: Record<string, string>;
}

const models = (ownedBy: string): Route => ({ body: { data: [{ id: 'm', owned_by: ownedBy }] } });

describe('examineTarget', () => {
  async function examined(routes: Record<string, Route>, path = ''): Promise<unknown> {
    const listener: RequestListener = (request, response) => {
      const {
        body,
        status = 200,
        headers = {},
      } = routes[request.url ?? ''] ?? {
        body: 'not found',
        status: 404,
      };
      response.writeHead(status, headers).end(JSON.stringify(body));
    };
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const { status, found } = await examineTarget(`http://127.0.0.1:${port}${path}`, signal);
      return [status, found];
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  const health: Route = { body: {} };

  test('llama.cpp, also by its /v1 address', async () => {
    const routes = {
      '/health': health,
      '/props': { body: { build_info: 'b8929-abc' } },
      '/v1/models': models('llamacpp'),
    };
    const expected = ['ok', 'llama.cpp b8929-abc, health 200, serves m'];
    expect(await examined(routes)).toEqual(expected);
    expect(await examined(routes, '/v1/')).toEqual(expected);
  });

  test('vLLM', async () => {
    const routes = {
      '/health': health,
      '/version': { body: { version: '0.32.0' } },
      '/v1/models': models('vllm'),
    };
    expect(await examined(routes)).toEqual(['ok', 'vLLM 0.32.0, health 200, serves m']);
  });

  test('a gateway in front', async () => {
    const routes = {
      '/v1/models': { ...models('vllm'), headers: { 'x-litellm-version': '1.109.1' } },
    };
    expect(await examined(routes)).toEqual(['ok', 'LiteLLM 1.109.1, health 404, serves m']);
  });

  test('one that is loading', async () => {
    const routes = { '/health': { body: {}, status: 503 } };
    expect(await examined(routes)).toEqual([
      'warning',
      'a server of unknown kind, health 503, lists no model',
    ]);
  });

  test('one that wants a key', async () => {
    const routes = { '/health': health, '/v1/models': { body: {}, status: 401 } };
    expect(await examined(routes)).toEqual([
      'warning',
      'a server of unknown kind, health 200, lists no model',
    ]);
  });

  test('one that never stops answering', async () => {
    let sent = 0;
    const server = createServer((_, response) => {
      const more = Buffer.alloc(1024 * 1024, '[');
      const go = (): void => {
        while (!response.destroyed && response.write(more)) sent += more.length;
        sent += more.length;
      };
      response.on('drain', go);
      go();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const diagnosis = await examineTarget(`http://127.0.0.1:${port}`, signal);
    server.closeAllConnections();
    server.close();
    expect(diagnosis).toMatchObject({
      status: 'warning',
      found: 'a server of unknown kind, health 200, lists no model',
    });
    // Four paths, and what lies in the buffers of each connection.
    expect(sent).toBeLessThan(4 * 40 * 1024 * 1024);
  });

  test('nothing there', async () => {
    const diagnosis = await examineTarget(`http://127.0.0.1:${await freePort()}`, signal);
    expect(diagnosis).toMatchObject({
      status: 'missing',
      found: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  test('not a URL', async () => {
    expect(await examineTarget('localhost', signal)).toMatchObject({ status: 'missing' });
  });
});
