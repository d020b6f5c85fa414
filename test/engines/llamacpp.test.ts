import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { examine } from '../../src/engines/doctor.ts';
import {
  type LaunchOptions,
  parseEngine,
  type RunningEngine,
  startEngine,
} from '../../src/engines/engine.ts';
import { provision } from '../../src/engines/provision.ts';

const OLD = 'llama.cpp@2026.4.8929';
const ENGINE = join(import.meta.dirname, '../../src/engines/engine.ts');
const LAUNCHER = join(import.meta.dirname, '../../src/engines/llamacpp_server.py');
const TEMPLATE = join(import.meta.dirname, '../../models/thinker/templates/llama3.jinja');

// A cache of its own, so that installing is tested too, and its path tells our processes apart.
let cache: string;
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'seamstress-engines-'));
  vi.stubEnv('SEAMSTRESS_CACHE', cache);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true });
});

function start(
  text: string,
  lines: string[] = [],
  more: Partial<LaunchOptions> = {},
): Promise<RunningEngine> {
  return startEngine(parseEngine(text), {
    signal: new AbortController().signal,
    progress: (line) => lines.push(line),
    ...more,
  });
}

async function get(url: string): Promise<{ status: number; json: unknown }> {
  const { statusCode, body } = await request(url);
  return { status: statusCode, json: await body.json() };
}

/** Command lines of living processes that run from a folder. */
async function processesFrom(folder: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'args'], { maxBuffer: 1e8 });
  return stdout.split('\n').filter((line) => line.includes(folder));
}

async function untilNoneFrom(folder: string): Promise<void> {
  const deadline = Date.now() + 5000;
  while ((await processesFrom(folder)).length > 0 && Date.now() < deadline) await sleep(50);
  expect(await processesFrom(folder)).toEqual([]);
}

describe.each([
  ['llama.cpp', /^2\d{3}\.\d+\.\d+/],
  [OLD, /^2026\.4\.8929$/],
])('%s', (text, version) => {
  const first: string[] = [];

  test('installs, starts, answers and stops', async () => {
    const engine = await start(text, first);
    try {
      expect(engine.name).toBe('llama.cpp');
      expect(engine.version).toMatch(version);
      expect(engine.build).toBe(`b${engine.version.split('.')[2]}`);
      expect(engine.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      expect(await get(`${engine.url}/health`)).toEqual({ status: 200, json: { status: 'ok' } });
      expect(await get(`${engine.url}/props`)).toMatchObject({ json: { total_slots: 1 } });
      expect(await get(`${engine.url}/slots`)).toMatchObject({ json: [{ n_ctx: 4096 }] });
      expect((await request(`${engine.url}/metrics`)).statusCode).toBe(200);
      expect(await processesFrom(cache)).toHaveLength(1);
    } finally {
      await engine.stop();
    }
    await untilNoneFrom(cache);
    expect(first.join('\n')).toMatch(
      /^creating an environment [\s\S]*installing xllamacpp [\s\S]*starting [\s\S]* started in /,
    );
  });

  test('the marker says what was installed', async () => {
    const folders = await readdir(join(cache, 'engines'));
    const folder = folders.find((name) => version.test(name.replace('llama.cpp-', '')));
    const marker = await readFile(join(cache, 'engines', folder!, 'seamstress.json'), 'utf8');
    expect(JSON.parse(marker)).toMatchObject({
      engine: 'llama.cpp',
      wheel: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    });
  });

  test('starts from the cache, without an install', async () => {
    const lines: string[] = [];
    const engine = await start(text, lines);
    await engine.stop();
    expect(lines.join('\n')).not.toContain('installing');
  });

  test('serves several slots, each with its whole context, and another template', async () => {
    const engine = await start(text, [], { slots: 2, chatTemplate: TEMPLATE });
    try {
      const { json } = await get(`${engine.url}/props`);
      expect(json).toMatchObject({ total_slots: 2 });
      const { chat_template: served } = json as { chat_template: string };
      expect(served.trimEnd()).toBe((await readFile(TEMPLATE, 'utf8')).trimEnd());
      expect(await get(`${engine.url}/slots`)).toMatchObject({
        json: [{ n_ctx: 4096 }, { n_ctx: 4096 }],
      });
    } finally {
      await engine.stop();
    }
  });

  test('two at once have ports of their own', async () => {
    const engines = await Promise.all([start(text), start(text)]);
    await Promise.all(engines.map((engine) => engine.stop()));
    expect(new Set(engines.map(({ url }) => url)).size).toBe(2);
  });

  test('a port in use is refused before anything starts', async () => {
    const engine = await start(text);
    try {
      const port = Number(new URL(engine.url).port);
      await expect(start(text, [], { port })).rejects.toMatchObject({
        code: 'engine',
        message: `port ${port} on 127.0.0.1 cannot be used`,
      });
    } finally {
      await engine.stop();
    }
  });

  test('a model that is none: fails at once with what the engine says', async () => {
    const began = Date.now();
    await expect(start(text, [], { model: TEMPLATE })).rejects.toMatchObject({
      code: 'engine',
      message: expect.stringContaining('before it was up') as string,
      hint: expect.stringContaining('failed to load model') as string,
    });
    expect(Date.now() - began).toBeLessThan(10_000);
    await untilNoneFrom(cache);
  });

  test.each(['SIGKILL', 'SIGINT'] as const)(
    'a harness that gets %s takes the server with it',
    async (signal) => {
      const harness = join(cache, 'harness.mjs');
      await writeFile(
        harness,
        `import { runnerImport } from ${JSON.stringify(import.meta.resolve('vite'))};
        const { module } = await runnerImport(${JSON.stringify(ENGINE)});
        const engine = await module.startEngine(module.parseEngine(${JSON.stringify(text)}), { signal: new AbortController().signal, progress: () => {} });
        console.log(engine.url);`,
      );
      const child = spawn(process.execPath, [harness], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [url] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
      expect(await get(`${url.trim()}/health`)).toMatchObject({ status: 200 });
      child.kill(signal);
      await untilNoneFrom(cache);
      await expect(request(`${url.trim()}/health`)).rejects.toThrow('ECONNREFUSED');
    },
  );
});

test('a version that does not exist', async () => {
  await expect(start('llama.cpp@9.9.9')).rejects.toMatchObject({
    code: 'engine',
    message: 'llama.cpp 9.9.9 is not on the package index',
    hint: expect.stringContaining('0.2.14') as string,
  });
  expect(await readdir(join(cache, 'engines'))).not.toContainEqual(
    expect.stringMatching(/9\.9\.9|staging/),
  );
});

test('without the index, the newest one in the cache', async () => {
  const links = process.env['PIP_FIND_LINKS'];
  vi.stubEnv('PIP_NO_INDEX', '1');
  vi.stubEnv('PIP_FIND_LINKS', '');
  try {
    const lines: string[] = [];
    const engine = await start('llama.cpp', lines);
    await engine.stop();
    expect(engine.version).not.toBe('2026.4.8929');
    expect(lines[0]).toMatch(
      /^the package index cannot be reached \(.*\): taking the newest cached llama\.cpp, 2/,
    );
  } finally {
    vi.stubEnv('PIP_NO_INDEX', undefined);
    vi.stubEnv('PIP_FIND_LINKS', links);
  }
});

test('a cached environment whose Python is gone is installed again', async () => {
  const python = join(cache, 'engines', 'llama.cpp-2026.4.8929', 'bin', 'python');
  await unlink(python);
  await symlink(join(cache, 'nowhere', 'python3'), python);
  const diagnoses = await examine({ signal: new AbortController().signal });
  expect(diagnoses.find(({ what }) => what.includes('8929'))).toMatchObject({
    status: 'warning',
    found: 'does not import: its Python is gone',
  });
  const lines: string[] = [];
  const engine = await start(OLD, lines);
  await engine.stop();
  expect(lines[0]).toContain('no longer works (its Python is gone): installing it again');
});

describe('with an empty cache', () => {
  let empty: string;
  beforeAll(async () => {
    empty = await mkdtemp(join(tmpdir(), 'seamstress-empty-'));
    vi.stubEnv('SEAMSTRESS_CACHE', empty);
  });
  afterAll(async () => {
    vi.stubEnv('SEAMSTRESS_CACHE', cache);
    await rm(empty, { recursive: true });
  });

  test.each(['creating', 'installing'])(
    'an interruption while %s leaves nothing',
    async (doing) => {
      const controller = new AbortController();
      const installing = provision(parseEngine(OLD), {
        signal: controller.signal,
        progress: (line) => {
          if (line.startsWith(doing)) setTimeout(() => controller.abort(), 300);
        },
      });
      await expect(installing).rejects.toMatchObject({ code: 'interrupted' });
      await untilNoneFrom(empty);
      expect(await readdir(join(empty, 'engines'))).toEqual([]);
    },
  );

  test('two that install the same version at once both get it', async () => {
    const options = { signal: new AbortController().signal, progress: () => {} };
    const both = [provision(parseEngine(OLD), options), provision(parseEngine(OLD), options)];
    const [one, other] = await Promise.all(both);
    expect(one).toEqual(other);
    expect(await readdir(join(empty, 'engines'))).toEqual(['llama.cpp-2026.4.8929']);
  });
});

describe('the launcher', () => {
  test('refuses any address but loopback', async () => {
    const args = [LAUNCHER, '--model', 'm.gguf', '--host', '0.0.0.0'];
    await expect(promisify(execFile)('python3', args)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('only loopback addresses are served') as string,
    });
  });
});
