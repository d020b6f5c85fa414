/** The smaller commands, a server by its URL, determinism, and output that is safe to print. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Finding, RunRecord } from '../../src/reports/record.ts';
import { terminalReport } from '../../src/reports/terminal/terminal.ts';
import { answer, behindProxy, serve } from './server.test-help.ts';
import {
  findingFile,
  packOf,
  readRun,
  seamstress,
  start,
  temporaryFolder,
  until,
  type Running,
} from './cli.test-help.ts';

const cwd = temporaryFolder();

/** `seamstress serve`, ended with the test. */
async function served(args: readonly string[] = []): Promise<{ server: Running; url: string }> {
  const server = start(['serve', '--port', '0', '--json', ...args], { cwd });
  onTestFinished(async () => {
    server.child.kill('SIGKILL');
    await server.ended;
  });
  await until(() => server.stdout().includes('\n'), 'the server');
  const { url } = JSON.parse(server.stdout()) as { url: string };
  return { server, url };
}

describe('serve', () => {
  test('answers on loopback and ends with Ctrl-C', async () => {
    const { server, url } = await served();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok' });
    server.child.kill('SIGINT');
    expect([0, 130]).toContain((await server.ended).status);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  test('a run against its URL is a run like any other', async () => {
    const { url } = await served();
    const ran = await seamstress(
      ['run', packOf(cwd, ['tool']), '--target', `${url}/v1/`, '--cuts', '8', '--out', 'url'],
      { cwd },
    );
    expect(ran).toMatchObject({ status: 0 });
    const { record } = readRun(join(cwd, 'url'));
    expect(record.target).toMatchObject({ url, engine: { name: 'reference' } });
    expect(record.target.faults).toBeUndefined();
  });

  test('plants faults', async () => {
    const { url } = await served(['--fault', 'prefill-refused']);
    const args = [
      '--target',
      url,
      '--strategy',
      'reasoning-field',
      '--cuts',
      '4',
      '--out',
      'served',
    ];
    const ran = await seamstress(['run', packOf(cwd, ['add']), ...args], { cwd });
    expect(ran).toMatchObject({ status: 1 });
    const { record } = readRun(join(cwd, 'served'));
    expect(record.findings.map(({ cause }) => cause)).toEqual(['prefill-refused-thinking']);
    const again = await seamstress(
      ['replay', findingFile('served', record.findings[0] as Finding), '--target', url],
      { cwd },
    );
    expect(again).toMatchObject({ status: 1 });
  });
});

describe('the same seed gives the same journal and findings, whatever the concurrency', () => {
  test.each([
    ['sweep', 'newline-before-close'],
    ['sweep', 'prefill-echoed'],
    ['fuzz', 'trailing-space-stripped'],
  ])('%s, %s', async (mode, fault) => {
    const { url } = await served(['--fault', fault]);
    const left: { journal: string; findings: string }[] = [];
    for (const concurrency of ['1', '32']) {
      const out = `same-${mode}-${fault}-${concurrency}`;
      const args = [
        '--target',
        url,
        '--mode',
        mode,
        '--cuts',
        '12',
        '--cases',
        '60',
        '--seed',
        '3',
      ];
      const ran = await seamstress(
        ['run', packOf(cwd, ['add', 'emoji']), ...args, '--concurrency', concurrency, '--out', out],
        { cwd },
      );
      expect(ran).toMatchObject({ status: 1 });
      const { record } = readRun(join(cwd, out));
      left.push({
        journal: readFileSync(join(cwd, out, 'seams.ndjson'), 'utf8'),
        findings: record.findings
          .map((finding) => readFileSync(findingFile(join(cwd, out), finding), 'utf8'))
          .join('')
          .replaceAll(`${out}/findings`, 'findings'),
      });
    }
    expect(left[1]).toEqual(left[0]);
  });
});

describe('help and version', () => {
  test.each([['--help'], ['run', '--help'], ['help', 'replay']])('%s %s', async (...args) => {
    const ran = await seamstress(args, { cwd });
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toMatch(/^Usage: seamstress/);
  });

  test('--help names the exit statuses and each command', async () => {
    const { stdout } = await seamstress(['--help'], { cwd });
    for (const name of ['run', 'replay', 'serve', 'doctor', 'Exit status: 0', '130'])
      expect(stdout).toContain(name);
  });

  test('--version', async () => {
    const ran = await seamstress(['--version'], { cwd });
    expect(ran).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    });
  });

  test('no command at all: the help, and not a success', async () => {
    const ran = await seamstress([], { cwd });
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain('Usage: seamstress');
  });
});

describe('doctor', () => {
  const env = { SEAMSTRESS_CACHE: join(cwd, 'cache') };

  test('says what is there', async () => {
    const ran = await seamstress(['doctor'], { cwd, env });
    expect([0, 3]).toContain(ran.status);
    expect(ran.stdout).toMatch(/Node/);
    expect(ran.stdout).toMatch(/Python/);
    expect(ran.stderr).toBe('');
  });

  test('--json, with a target', async () => {
    const { url } = await served();
    const ran = await seamstress(['doctor', '--json', '--target', url], { cwd, env });
    const found = JSON.parse(ran.stdout) as { what: string; status: string; found: string }[];
    expect(found.find(({ what }) => what.includes(url))).toMatchObject({ status: 'ok' });
    for (const { status } of found) expect(['ok', 'warning', 'missing']).toContain(status);
    expect(ran.status).toBe(found.some(({ status }) => status === 'missing') ? 3 : 0);
  });

  test('a target that is not there', async () => {
    const ran = await seamstress(['doctor', '--target', 'http://127.0.0.1:1'], { cwd, env });
    expect(ran.status).toBe(3);
    expect(ran.stdout).toMatch(/missing +target http:\/\/127\.0\.0\.1:1: /);
  });
});

/** Clears the screen, sets the title, colours, returns the cursor, turns the direction. */
const HOSTILE = '\u001b[2J\u001b]0;owned\u0007\u001b[31m\u009b31m\r\u0008\u202e';
// oxlint-disable-next-line no-control-regex
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

/** The fields of a record that hold what a server said or a model wrote. */
const FROM_SERVERS = new Set(
  'model name version build detail summary text reasoning content arguments errors why'.split(' '),
);

describe('what a server says never reaches the terminal raw', () => {
  test('words of a refusal, and the name of a model', async () => {
    const url = await behindProxy(({ path, body, response }) => {
      if (path === '/v1/models')
        return answer(response, 200, { data: [{ id: `thinker${HOSTILE}` }] });
      const { messages } = JSON.parse(body === '' ? '{}' : body) as {
        messages?: { role: string }[];
      };
      return (
        messages?.at(-1)?.role === 'assistant' &&
        answer(response, 400, { error: { message: `no ${HOSTILE}, never` } })
      );
    });
    const args = [
      '--target',
      url,
      '--strategy',
      'reasoning-field',
      '--cuts',
      '3',
      '--out',
      'hostile',
    ];
    const ran = await seamstress(['run', packOf(cwd, ['add']), ...args], { cwd });
    expect(ran).toMatchObject({ status: 1 });
    expect(ran.stdout).toContain('never');
    expect(ran.stdout).not.toMatch(RAW);
    expect(ran.stderr).not.toMatch(RAW);
    const finding = readRun(join(cwd, 'hostile')).record.findings[0] as Finding;
    const again = await seamstress(['replay', findingFile('hostile', finding), '--target', url], {
      cwd,
    });
    expect(again.stdout).not.toMatch(RAW);
    expect(again.stderr).not.toMatch(RAW);
  });

  test.each([
    ['/props', 500],
    ['/props', 401],
    ['/v1/chat/completions', 500],
    ['/apply-template', 500],
  ])('words of an error of %s, HTTP %i', async (at, status) => {
    const url = await behindProxy(
      ({ path, response }) =>
        path === at && answer(response, status, { error: { message: `no ${HOSTILE}, never` } }),
    );
    const ran = await seamstress(
      ['run', packOf(cwd, ['add']), '--target', url, '--cuts', '3', '--out', 'hostile-error'],
      { cwd },
    );
    expect(ran.status).toBe(3);
    expect(ran.stderr).toContain('never');
    expect(ran.stdout + ran.stderr).not.toMatch(RAW);
  });

  test('models of another server, listed where the wanted one is not', async () => {
    const url = await behindProxy(
      ({ path, response }) =>
        path === '/v1/models' && answer(response, 200, { data: [{ id: `x${HOSTILE}` }] }),
    );
    const ran = await seamstress(['run', '--target', url, '--model', 'y'], { cwd });
    expect(ran.status).toBe(3);
    expect(ran.stderr).not.toMatch(RAW);
    const doctor = await seamstress(['doctor', '--target', url], { cwd });
    expect(doctor.stdout + doctor.stderr).not.toMatch(RAW);
  });

  test('a server that is no llama.cpp', async () => {
    const url = await serve((_request, response) => response.writeHead(500).end(HOSTILE));
    const ran = await seamstress(['run', '--target', url], { cwd });
    expect(ran.status).toBe(3);
    expect(ran.stderr).not.toMatch(RAW);
  });

  test('the text around a difference', async () => {
    const file = join(cwd, 'hostile.yaml');
    const messages = [{ role: 'user', content: `${HOSTILE} Hello?` }];
    writeFileSync(
      file,
      JSON.stringify({ pack: 'p', scenarios: [{ id: 'hostile', title: HOSTILE, messages }] }),
    );
    const args = [
      '--target',
      'reference',
      '--fault',
      'bos-doubled',
      '--cuts',
      '3',
      '--out',
      'around',
    ];
    const ran = await seamstress(['run', file, ...args], { cwd });
    expect(ran).toMatchObject({ status: 1 });
    expect(ran.stdout).toContain('‹U+001B›');
    expect(ran.stdout + ran.stderr).not.toMatch(RAW);
  });

  test('every text of a record', async () => {
    const args = ['--target', 'reference', '--fault', 'newline-before-close', '--cuts', '6'];
    await seamstress(['run', packOf(cwd, ['add']), ...args, '--out', 'crafted'], { cwd });
    const { record } = readRun(join(cwd, 'crafted'));
    const poison = (value: unknown, key = ''): unknown => {
      if (typeof value === 'string') return FROM_SERVERS.has(key) ? HOSTILE + value : value;
      if (Array.isArray(value)) return value.map((item) => poison(item, key));
      if (typeof value === 'object' && value !== null)
        return Object.fromEntries(
          Object.entries(value).map(([name, item]) => [name, poison(item, name)]),
        );
      return value;
    };
    const crafted = {
      ...(poison(record) as RunRecord),
      errors: [HOSTILE],
      interrupted: 'signal',
    } as const;
    expect(terminalReport(crafted, 'folder')).not.toMatch(RAW);
  });
});
