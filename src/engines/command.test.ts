import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { request } from 'undici';
import { fillIn, startCommand } from './command.ts';
import type { LaunchOptions } from './running.ts';

// Healthy after DELAY ms; /pids tells who serves and whom it started; ignores SIGTERM if told so.
const FAKE = `
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
const [port, delay = '0', stubborn, buildInfo] = process.argv.slice(2);
const start = Date.now();
console.log('fake engine on ' + port);
if (stubborn === 'stubborn') process.on('SIGTERM', () => {});
const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
createServer((request, response) => {
  const routes = {
    '/health': () => [Date.now() - start < Number(delay) ? 503 : 200, {}],
    '/pids': () => [200, [process.pid, child.pid]],
    '/props': () => [buildInfo ? 200 : 404, { build_info: buildInfo }],
  };
  const [status, body] = (routes[request.url] ?? (() => [404, {}]))();
  response.writeHead(status).end(JSON.stringify(body));
}).listen(Number(port), '127.0.0.1');
`;

let folder: string;
let fake: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seamstress command-'));
  fake = join(folder, 'fake engine.mjs');
  await writeFile(fake, FAKE);
});
afterAll(() => rm(folder, { recursive: true }));

function options(more: Partial<LaunchOptions> = {}): LaunchOptions {
  return { signal: new AbortController().signal, progress: () => {}, ...more };
}

const posixTest = test.skipIf(process.platform === 'win32');

const command = (rest = ''): string => `"${process.execPath}" "${fake}" {port} ${rest}`;

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // Dead but not yet reaped by whoever adopted it: "PID (name) Z …".
    if (process.platform !== 'linux') return true;
    return !/\) Z [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function untilGone(pids: readonly number[], withinMs = 5000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (pids.some(alive) && Date.now() < deadline) await sleep(20);
  expect(pids.filter(alive)).toEqual([]);
}

async function pidsOf(url: string): Promise<number[]> {
  const { body } = await request(`${url}/pids`);
  return (await body.json()) as number[];
}

describe('startCommand', () => {
  test('waits until it is healthy', async () => {
    const lines: string[] = [];
    const engine = await startCommand(
      command('400'),
      options({ progress: (line) => lines.push(line) }),
    );
    try {
      expect(engine).toMatchObject({
        name: 'engine command',
        version: 'unknown',
        build: undefined,
        dialect: 'auto',
      });
      expect((await request(`${engine.url}/health`)).statusCode).toBe(200);
      expect(engine.log()).toContain(`fake engine on ${new URL(engine.url).port}`);
      expect(lines.at(-1)).toMatch(/started in \d\.\d s on http:\/\/127\.0\.0\.1:\d+$/);
    } finally {
      await engine.stop();
    }
  });

  test('takes version and build from /props', async () => {
    const engine = await startCommand(command('0 x b8929-abcdef0'), options());
    await engine.stop();
    expect(engine).toMatchObject({ name: 'llama.cpp', version: 'b8929-abcdef0', build: 'b8929' });
  });

  test('a build number of nothing is no build', async () => {
    const engine = await startCommand(command('0 x b0-unknown'), options());
    await engine.stop();
    expect(engine).toMatchObject({ version: 'b0-unknown', build: undefined });
  });

  test('stop ends the shell, the server and its children, and may be called twice', async () => {
    const engine = await startCommand(command(), options());
    const pids = await pidsOf(engine.url);
    await Promise.all([engine.stop(), engine.stop()]);
    await engine.stop();
    await untilGone(pids);
    expect((await engine.exited).log).toContain('fake engine');
  });

  // taskkill has only one way.
  posixTest('stop insists after 3 s', async () => {
    const engine = await startCommand(command('0 stubborn'), options());
    const pids = await pidsOf(engine.url);
    const start = Date.now();
    await engine.stop();
    expect(Date.now() - start).toBeGreaterThan(2900);
    expect(Date.now() - start).toBeLessThan(5000);
    await untilGone(pids);
  });

  posixTest('reports an end that nobody asked for, and clears up behind it', async () => {
    const engine = await startCommand(command(), options());
    const pids = await pidsOf(engine.url);
    process.kill(pids[0]!, 'SIGKILL');
    const exit = await engine.exited;
    expect(exit.code ?? exit.signal).not.toBe(0);
    await untilGone(pids);
    await engine.stop();
  });

  test('fails at once with the last lines when the process ends first', async () => {
    const start = Date.now();
    await expect(
      startCommand(
        `"${process.execPath}" -e "console.error('no model for {port}'); process.exit(7)"`,
        options(),
      ),
    ).rejects.toMatchObject({
      code: 'engine',
      message: 'the engine command ended with status 7 before it was up',
      hint: expect.stringMatching(/no model for \d+/) as string,
    });
    expect(Date.now() - start).toBeLessThan(5000);
  });

  test('a command that does not exist', async () => {
    await expect(startCommand('seamstress-no-such-engine {port}', options())).rejects.toMatchObject(
      { code: 'engine', message: expect.stringMatching(/ended with status \d+/) as string },
    );
  });

  test('gives up when it never gets healthy, and leaves nothing', async () => {
    const start = startCommand(command('999999'), options({ healthMs: 700 }));
    await expect(start).rejects.toMatchObject({
      code: 'engine',
      message: 'the engine command did not answer GET /health within 0.7 s',
      hint: expect.stringContaining('fake engine on') as string,
    });
  });

  test('an abort stops a start', async () => {
    const start = startCommand(command('999999'), options({ signal: AbortSignal.timeout(400) }));
    await expect(start).rejects.toMatchObject({ code: 'interrupted' });
  });

  test('an abort stops what runs', async () => {
    const controller = new AbortController();
    const engine = await startCommand(command(), options({ signal: controller.signal }));
    const pids = await pidsOf(engine.url);
    controller.abort();
    await engine.exited;
    await untilGone(pids);
  });

  test('an abort beforehand starts nothing', async () => {
    const start = startCommand(command(), options({ signal: AbortSignal.abort() }));
    await expect(start).rejects.toMatchObject({ code: 'interrupted' });
  });

  test.each([
    ['server', {}, '{port}'],
    ['server {port}', { model: 'm.gguf' }, '{model}'],
    ['server {port}', { chatTemplate: 't.jinja' }, '{template}'],
  ])('%s with %j lacks %s', async (text, more, placeholder) => {
    await expect(startCommand(text, options(more))).rejects.toMatchObject({
      code: 'usage',
      message: `the engine command has no ${placeholder}`,
    });
  });

  // Needs process groups, for the guard.
  posixTest.each([
    ['is killed', `process.kill(process.pid, 'SIGKILL');`],
    ['is interrupted', `process.kill(process.pid, 'SIGINT');`],
    ['throws', `throw new Error('nobody catches this');`],
    ['exits', 'process.exit(0);'],
  ])('a harness that %s takes the command with it', async (_, end) => {
    const harness = join(folder, 'harness.mjs');
    await writeFile(
      harness,
      `import { runnerImport } from ${JSON.stringify(import.meta.resolve('vite'))};
      const { module } = await runnerImport(${JSON.stringify(join(import.meta.dirname, 'command.ts'))});
      const engine = await module.startCommand(${JSON.stringify(command())}, { signal: new AbortController().signal, progress: () => {} });
      const response = await fetch(engine.url + '/pids');
      console.log(await response.text());
      setTimeout(() => { ${end} }, 50);`,
    );
    const child = spawn(process.execPath, [harness], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [text] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    const pids = JSON.parse(text) as number[];
    expect(pids).toHaveLength(2);
    await untilGone(pids);
  });
});

describe('fillIn', () => {
  test('fills in what it knows and leaves other braces', () => {
    expect(fillIn(`s {model} {port} '{"a":{"b":1}}' {x}`, { model: '/m.gguf', port: '80' })).toBe(
      `s /m.gguf 80 '{"a":{"b":1}}' {x}`,
    );
  });

  posixTest('quotes what the shell would split', () => {
    expect(fillIn('s {model}', { model: "/a b/it's.gguf" })).toBe(`s '/a b/it'\\''s.gguf'`);
  });
});
