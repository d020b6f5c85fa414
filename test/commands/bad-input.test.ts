/** Bad input: one clear line that says what and what to do, status 2 or 3, no stack trace. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { answer, behindProxy, serve } from './server.test-help.ts';
import { expectClear, packOf, seamstress, temporaryFolder, type Ended } from './cli.test-help.ts';

const cwd = temporaryFolder();

async function refused(args: readonly string[], status: 2 | 3, says: RegExp): Promise<Ended> {
  const ran = await seamstress(args, { cwd });
  expect(ran.stderr).toMatch(says);
  expect(ran).toMatchObject({ status, stdout: '' });
  expectClear(ran.stderr);
  return ran;
}

/** A port of loopback on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const REFERENCE = ['run', '--target', 'reference'];

describe('wrong usage', () => {
  test.each([
    ['nothing to test', ['run'], /nothing to test\n.*--target/],
    ['two targets', [...REFERENCE, '--engine', 'llama.cpp'], /exclude each other/],
    ['an unknown command', ['stitch'], /unknown command 'stitch'/],
    ['an unknown flag', [...REFERENCE, '--frobnicate'], /unknown option '--frobnicate'/],
    ['a flag without its value', [...REFERENCE, '--seed'], /argument missing/],
    [
      'an unknown strategy',
      [...REFERENCE, '--strategy', 'telepathy'],
      /no strategy "telepathy"\n.*reasoning-field/,
    ],
    ['an unknown fault', [...REFERENCE, '--fault', 'bos-dubled'], /"bos-dubled"\n.*bos-doubled/],
    ['a fault with a wrong rate', [...REFERENCE, '--fault', 'bos-doubled@2'], /between 0 and 1/],
    ['an unknown verdict', [...REFERENCE, '--fail-on', 'sad'], /no verdict "sad"\n.*diverged/],
    [
      'an unknown dialect',
      [...REFERENCE, '--dialect', 'klingon'],
      /there is no dialect "klingon"\n {2}Dialects: auto, llama\.cpp/,
    ],
    ['an unknown mode', [...REFERENCE, '--mode', 'guess'], /'guess' is invalid.*sweep, fuzz/],
    [
      'a tokenizer that is none',
      [...REFERENCE, '--tokenizer', 'nowhere.json'],
      /cannot read nowhere\.json.*\n.*tokenizer\.json/,
    ],
    [
      'a fault without the embedded server',
      ['run', '--target', 'http://127.0.0.1:9', '--fault', 'bos-doubled'],
      /--fault needs --target reference/,
    ],
    ['an unknown engine', ['run', '--engine', 'chatgpt'], /chatgpt.*\n.*llama\.cpp/],
    ['no cuts', [...REFERENCE, '--cuts', '0'], /whole number from 1/],
    ['fewer than no cuts', [...REFERENCE, '--cuts', '-1'], /whole number from 1/],
    ['cuts that are no number', [...REFERENCE, '--cuts', 'x'], /whole number from 1/],
    ['half a cut', [...REFERENCE, '--cuts', '1.5'], /whole number from 1/],
    ['no cases', [...REFERENCE, '--mode', 'fuzz', '--cases', '0'], /whole number from 1/],
    ['a seed that is none', [...REFERENCE, '--seed', 'lucky'], /whole number from 0/],
    ['a time that is none', [...REFERENCE, '--max-time', 'soon'], /a time such as 90s/],
    ['no concurrency', [...REFERENCE, '--concurrency', '0'], /whole number from 1 to 1024/],
    ['a port that is none', ['serve', '--port', '70000'], /whole number from 0 to 65535/],
    ['a fault of serve', ['serve', '--fault', 'x'], /no fault "x"/],
  ] as const)('%s', async (_what, args, says) => {
    await refused(args, 2, says);
    expect(readdirSync(cwd)).not.toContain('reports');
  });
});

/** Writes a scenario file; gives its name. */
function file(name: string, text: string): string {
  writeFileSync(join(cwd, name), text);
  return name;
}

describe('scenarios', () => {
  test('an unknown field is named with its place', async () => {
    const text =
      'pack: p\nscenarios:\n  - id: a\n    mesages: []\n    messages: [{role: user, content: hi}]\n';
    const path = file('unknown.yaml', text);
    await refused(
      ['run', path, '--target', 'reference'],
      2,
      /unknown\.yaml:4:5: scenarios\[0\]\.mesages: unknown field \(did you mean "messages"\?\)/,
    );
  });

  test.each([
    ['missing', 'none.yaml', /none\.yaml: no such file/],
    ['an unknown pack', 'thinkr', /"thinkr" \(did you mean "thinker"\?\)/],
    ['empty', file('empty.yaml', ''), /empty\.yaml.*empty file/],
    ['no YAML', file('broken.yaml', 'pack: [\n'), /broken\.yaml:\d+:\d+: /],
    [
      'without scenarios',
      file('none-in.yaml', 'pack: p\nscenarios: []\n'),
      /scenarios: must not be empty/,
    ],
  ] as const)('%s', async (_what, path, says) => {
    await refused(['run', path, '--target', 'reference'], 2, says);
  });
});

describe('targets', () => {
  test('nobody listens', async () => {
    const port = await closedPort();
    await refused(
      ['run', '--target', `http://127.0.0.1:${port}`],
      3,
      new RegExp(`:${port}/props: connection refused\n.*Is the server running`),
    );
  });

  test.each([
    ['ftp://127.0.0.1/', 2, /not an http or https URL: ftp:/],
    ['127.0.0.1:8080', 2, /not an http or https URL/],
    ['llama', 2, /not an http or https URL: llama\n.*http:\/\/127/],
    ['http://127.0.0.1:8080/?a=b', 2, /cannot have a query/],
    ['http://no-such-host.invalid:8080', 3, /no-such-host\.invalid.*no such host/],
  ] as const)('%s', async (url, status, says) => {
    await refused(['run', '--target', url], status, says);
  });

  test('a server of another kind', async () => {
    const url = await serve((_request, response) => response.writeHead(404).end('not here'));
    await refused(
      ['run', '--target', url],
      3,
      /like no server that is known: it has no \/props.*\n.*root URL/,
    );
  });

  test('a web page at every path', async () => {
    const url = await serve((_request, response) =>
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<!doctype html><title>Hello</title>'),
    );
    await refused(['run', '--target', url], 3, /\/props/);
  });

  test('a wrong path of a right server', async () => {
    const url = await behindProxy(() => false);
    await refused(
      ['run', '--target', `${url}/v2`],
      3,
      /like no server that is known: it has no \/props.*\n.*root URL/,
    );
  });

  test('an API key is wanted', async () => {
    const url = await serve((_request, response) =>
      answer(response, 401, { error: { message: 'Invalid API Key' } }),
    );
    await refused(['run', '--target', url], 3, /HTTP 401: Invalid API Key\n.*SEAMSTRESS_API_KEY/);
  });

  test('a model that is not there', async () => {
    const url = await behindProxy(() => false);
    await refused(
      ['run', '--target', url, '--model', 'gpt-5'],
      3,
      /does not serve the model "gpt-5"\n.*thinker/,
    );
  });

  test('no tokenizer endpoint', async () => {
    const url = await behindProxy(
      ({ path, response }) =>
        path === '/tokenize' && answer(response, 404, { error: { message: 'File Not Found' } }),
    );
    await refused(['run', '--target', url], 3, /has no \/tokenize \(HTTP 404\)\n.*tokenizer/);
  });

  test('a server that is still loading', async () => {
    const url = await serve((_request, response) =>
      answer(response, 503, { error: { message: 'Loading model' } }),
    );
    await refused(['run', '--target', url], 3, /HTTP 503: Loading model\n.*Wait/);
  });

  test('a server that generates nothing but errors: nothing tested is never 0', async () => {
    const url = await behindProxy(
      ({ path, response }) =>
        path.endsWith('/chat/completions') &&
        answer(response, 500, { error: { message: 'out of memory' } }),
    );
    await refused(['run', packOf(cwd, ['add']), '--target', url], 3, /out of memory/);
  });

  test('--debug shows the stack, before and after the command', async () => {
    const args = ['run', '--target', `http://127.0.0.1:${await closedPort()}`];
    for (const words of [
      ['--debug', ...args],
      [...args, '--debug'],
    ]) {
      const ran = await seamstress(words, { cwd });
      expect(ran.status).toBe(3);
      expect(ran.stderr).toMatch(/^ {4}at /m);
    }
  });
});

/** The files of a folder, with what is in them. */
const filesOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => [name, readFileSync(join(folder, name), 'base64')]),
  );

describe('output folders', () => {
  const pack = packOf(cwd, ['add']);
  writeFileSync(join(cwd, 'a-file'), '');

  // Node's recursive mkdir never ends below /proc.
  const impossible = [
    'a-file',
    'a-file/below',
    ...(existsSync('/proc/self') ? ['/proc/seamstress'] : []),
  ];
  test.each(impossible)('%s', { timeout: 20_000 }, async (out) => {
    await refused(
      ['run', pack, '--target', 'reference', '--out', out],
      2,
      /cannot write to .*\n.*--out/,
    );
  });

  test('a target that cannot be reached leaves no folder, and an earlier run as it was', async () => {
    const url = `http://127.0.0.1:${await closedPort()}`;
    await refused(
      ['run', pack, '--target', url, '--out', 'none/run'],
      3,
      /cannot be reached|ECONN|refused/,
    );
    expect(existsSync(join(cwd, 'none'))).toBe(false);
    const args = ['run', pack, '--cuts', '1', '--strategy', 'reasoning-field', '--out', 'kept'];
    expect(await seamstress([...args, '--target', 'reference'], { cwd })).toMatchObject({
      status: 0,
    });
    const before = filesOf(join(cwd, 'kept'));
    const again = await seamstress([...args, '--target', url], { cwd });
    expect(again).toMatchObject({ status: 3 });
    expect(filesOf(join(cwd, 'kept'))).toEqual(before);
  });

  test('reports/ that is a file', async () => {
    const elsewhere = join(cwd, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'reports'), '');
    const ran = await seamstress(['run', pack, '--target', 'reference'], { cwd: elsewhere });
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toMatch(/cannot write to reports\//);
    expectClear(ran.stderr.replace(/^.*scenarios against.*\n/m, ''));
  });

  test('a port that is taken', async () => {
    const url = await serve((_request, response) => response.end());
    const ran = await seamstress(['serve', '--port', new URL(url).port], { cwd });
    expect([2, 3]).toContain(ran.status);
    expect(ran.stderr).toContain(new URL(url).port);
    expectClear(ran.stderr);
  });
});
