/** `seamstress tap` as a process: what it prints, what it writes, how it ends. */
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { request } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import {
  expectClear,
  seamstress,
  start,
  temporaryFolder,
  until,
  type Running,
} from './cli.test-help.ts';
import { serve } from './server.test-help.ts';

const folder = temporaryFolder();

/** Waits for the first line and gives the tap's URL. */
async function urlOf(running: Running): Promise<string> {
  await until(() => running.stdout().includes('\n'), 'the first line of the tap');
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(running.stdout())?.[0];
  if (url === undefined) throw new Error(running.stdout());
  return url;
}

test('records what passes, with no key in it, and ends in good order', async () => {
  const upstream = await serve((asked, response) => {
    asked.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"a":1}\n\n');
    response.end('data: [DONE]\n\n');
  });
  const out = join(folder, 'tap.ndjson');
  const running = start(['tap', '--upstream', `${upstream}/v1`, '--out', out, '--json'], {
    cwd: folder,
    env: { SEAMSTRESS_API_KEY: 'planted-environment-key' },
  });
  const url = await urlOf(running);
  expect(JSON.parse(running.stdout().split('\n')[0] ?? '')).toEqual({ url, upstream });
  const reply = await request(`${url}/v1/chat/completions?key=planted-query`, {
    method: 'POST',
    headers: { authorization: 'Bearer planted-bearer', 'content-type': 'application/json' },
    body: JSON.stringify({
      messages: [{ role: 'assistant', content: 'The sum ' }],
      user: 'planted-environment-key',
    }),
  });
  expect(await reply.body.text()).toBe('data: {"a":1}\n\ndata: [DONE]\n\n');
  await until(() => running.stdout().split('\n').length > 2, 'the exchange');
  running.child.kill('SIGTERM');
  const ended = await running.ended;
  expect(ended.status).toBe(0);
  const lines = readFileSync(out, 'utf8').split('\n');
  expect(lines.pop()).toBe('');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    method: 'POST',
    path: '/v1/chat/completions?key=[redacted]',
    request: { json: { messages: [{ role: 'assistant', content: 'The sum ' }] } },
    response: { status: 200, body: { text: 'data: {"a":1}\n\ndata: [DONE]\n\n' } },
    end: 'complete',
  });
  expect(lines.join() + ended.stdout + ended.stderr).not.toContain('planted');
  if (process.platform !== 'win32') expect(statSync(out).mode & 0o077).toBe(0);
});

test('says in a line what passed, and makes hostile text harmless', async () => {
  const upstream = await serve((_, response) => response.end('ok'));
  const running = start(['tap', '--upstream', upstream], { cwd: folder });
  const url = await urlOf(running);
  expect(running.stdout()).toBe(`tap on ${url} in front of ${upstream}\n`);
  await (await request(`${url}/x%1B[31m/\u009b31m`.replace('\u009b', '%C2%9B'))).body.text();
  await until(() => running.stdout().includes('GET'), 'the exchange');
  running.child.kill('SIGINT');
  const { stdout, status } = await running.ended;
  expect(status).toBe(0);
  expect(stdout).toMatch(/GET \/x%1B\[31m\S* \(0 bytes\) → 200, 2 bytes, \d+ ms\n/);
  expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
});

test('an upstream that is gone is told on both sides', async () => {
  const running = start(['tap', '--upstream', 'http://127.0.0.1:1'], { cwd: folder });
  const url = await urlOf(running);
  const reply = await request(`${url}/v1/models`);
  expect(reply.statusCode).toBe(502);
  expect(await reply.body.text()).toContain('cannot get an answer from http://127.0.0.1:1');
  await until(() => running.stdout().includes('no answer'), 'the exchange');
  running.child.kill('SIGTERM');
  expect((await running.ended).status).toBe(0);
});

test.each([
  [['tap'], '--upstream'],
  [['tap', '--upstream', 'nonsense'], 'not an http or https URL'],
  [['tap', '--upstream', 'http://127.0.0.1:1', '--port', '70000'], 'whole number'],
  [['tap', '--upstream', 'http://127.0.0.1:1', '--out', '/nowhere/at/all'], 'cannot write'],
])('%j is refused in clear words', async (args, words) => {
  const { status, stderr } = await seamstress(args, { cwd: folder });
  expect(status).toBe(2);
  expect(stderr).toContain(words);
  expect(stderr).not.toMatch(/^ {4}at /m);
});

test('a port that is taken is refused in clear words', async () => {
  const taken = createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as { port: number };
  const args = ['tap', '--upstream', 'http://127.0.0.1:1', '--port', String(port)];
  const { status, stderr } = await seamstress(args, { cwd: folder });
  expect(status).toBe(2);
  expect(stderr).toContain(`cannot listen on port ${port}`);
  expectClear(stderr);
});

test.each(['openrouter', 'litellm@'])(
  '--via %s is refused before anything is started',
  async (via) => {
    for (const command of ['run', 'probe']) {
      const args = [command, '--target', 'reference', '--via', via];
      const { status, stderr } = await seamstress(args, { cwd: folder });
      expect(status).toBe(2);
      expect(stderr).toContain('litellm');
      expectClear(stderr);
    }
  },
);
