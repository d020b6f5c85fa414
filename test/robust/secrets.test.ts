/** A key is planted wherever one can be, and looked for in every file and line that is left. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Finding } from '../../src/reports/record.ts';
import { startReference } from '../../src/reference/server.ts';
import { onTestFinished } from 'vitest';
import { packOf, seamstress, temporaryFolder, type Ended } from '../commands/cli.test-help.ts';
import { serve } from '../commands/server.test-help.ts';

const cwd = temporaryFolder();
const pack = packOf(cwd, ['add']);
const KEY = 'sk-planted-"1/2&<a>-8d21f6';
const PASSWORD = 'pässwort & word/7c55';
const BASIC = Buffer.from(`me:${PASSWORD}`).toString('base64');
const BASIC_KEY = Buffer.from(`${KEY}:`).toString('base64');

/** How other servers spell what they were sent. */
const SPELLINGS = {
  "Python's JSON": (text: string) => coded(text, /[^ -~]/g),
  "Go's JSON": (text: string) => coded(text, /[&<>]/g),
  'JSON of codes alone': (text: string) => coded(text, /[^]/g),
  'percent-encoded in small letters': (text: string) =>
    encodeURIComponent(text).replaceAll(/%../g, (code) => code.toLowerCase()),
  'a form': (text: string) => new URLSearchParams({ k: text }).toString().slice(2),
  HTML: (text: string) =>
    text.replaceAll(/[&<>"]/g, (one) => `&${{ '&': 'amp', '<': 'lt', '>': 'gt' }[one] ?? 'quot'};`),
  Base64: (text: string) => Buffer.from(text).toString('base64'),
};

function coded(text: string, which: RegExp): string {
  return Array.from({ length: text.length }, (_, i) => text.charAt(i))
    .map((one) =>
      one.search(which) < 0
        ? JSON.stringify(one).slice(1, -1)
        : String.raw`\u` + one.charCodeAt(0).toString(16).padStart(4, '0'),
    )
    .join('');
}

/** Spellings of the secrets that must be nowhere. */
const SPELT = [KEY, PASSWORD, BASIC, BASIC_KEY].flatMap((secret) => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  ...Object.values(SPELLINGS).map((spell) => spell(secret)),
]);

/** Every file below a folder as text; of a tape also what its blocks unpack to. */
function everything(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .flatMap((name) => {
      const path = join(folder, name);
      if (!statSync(path).isFile()) return [];
      return [path, path.endsWith('.bin') ? tape(path) : readFileSync(path, 'utf8')];
    })
    .join('\n');
}

function tape(path: string): string {
  const bytes = readFileSync(path);
  let text = '';
  for (let at = bytes.indexOf('\n') + 1; at + 4 <= bytes.length;) {
    const size = bytes.readUInt32LE(at);
    text += inflateRawSync(bytes.subarray(at + 4, at + 4 + size)).toString('utf8');
    at += 4 + size;
  }
  return text;
}

function expectNone(ran: Ended, folder?: string): void {
  const left = [ran.stdout, ran.stderr, folder === undefined ? '' : everything(folder)].join('\n');
  for (const secret of SPELT) expect(left).not.toContain(secret);
  for (const secret of SPELT) expect(left).not.toContain(Buffer.from(secret).toString('base64'));
}

/** A server that wants the key or the password, and says what it was sent wherever it can. */
async function echoing(break_: 'nothing' | 'resumes' | 'all'): Promise<string> {
  const reference = await startReference({ faults: [{ name: 'newline-before-close', rate: 1 }] });
  onTestFinished(() => reference.close());
  return await serve((request, response) => {
    void (async () => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk as string;
      const told = String(request.headers.authorization);
      const plain = Buffer.from(told.replace('Basic ', ''), 'base64').toString('utf8');
      const bare = told.startsWith('Basic ') ? plain.replace(/^me:|:$/, '') : told.slice(7);
      const words = `you sent ${told}, that is ${plain}`;
      const shapes = Object.values(SPELLINGS).map((spell) => spell(bare));
      const note = `"${JSON.stringify(words).slice(1, -1)}, in short ${shapes.join(' ')}"`;
      const resume = /"role":"assistant"/.test(body) && request.url === '/v1/chat/completions';
      if (break_ === 'all' || (break_ === 'resumes' && resume))
        return void response
          .writeHead(resume ? 400 : 401, { 'content-type': 'application/json' })
          .end(`{"error":{"message":${note}}}`);
      const path = request.url ?? '/';
      const upstream = await fetch(
        reference.url + path,
        body === '' ? {} : { method: 'POST', body },
      );
      let text = await upstream.text();
      // In each JSON answer and in each event there is a field more.
      text = text.replaceAll(/^(data: )?\{(?=")/gm, (_, data = '') => `${data}{"note":${note},`);
      response.writeHead(upstream.status, {
        'content-type': upstream.headers.get('content-type') ?? '',
        'x-you-sent': encodeURIComponent(words),
      });
      response.end(text);
      return undefined;
    })();
  });
}

const withUser = (url: string): string =>
  url.replace('//', `//me:${encodeURIComponent(PASSWORD)}@`);

describe.each([
  ['a key', (url: string) => url, { SEAMSTRESS_API_KEY: KEY }],
  ['a password in the URL', withUser, {}],
  ['a key as the user', (url: string) => url.replace('//', `//${encodeURIComponent(KEY)}@`), {}],
] as const)('%s', (_what, address, env) => {
  test.each(['nothing', 'resumes'] as const)('a server that refuses %s', async (breaks) => {
    const url = await echoing(breaks);
    const out = `${_what}-${breaks}`.replaceAll(' ', '-');
    const target = ['--target', address(url)];
    const kinds = ['html', 'markdown', 'junit', 'json', 'github'];
    const reports = kinds.flatMap((kind) => ['--report', `${kind}=${join(out, `report.${kind}`)}`]);
    const args = ['run', pack, ...target, '--cuts', '6', '--seed', '1', '--out', out, ...reports];
    const ran = await seamstress(args, { cwd, env });
    expect(ran.status).toBe(1);
    expectNone(ran, join(cwd, out));
    if (breaks === 'resumes') {
      const times = Object.keys(SPELLINGS).map(() => /\[redacted\]=?=?/.source);
      expect(everything(join(cwd, out))).toMatch(
        new RegExp(`you sent (?:\\w+ )?\\[redacted\\].*in short ${times.join(' ')}`),
      );
    }
    expect(everything(join(cwd, out))).toContain('curl -s');
    const file = readdirSync(join(cwd, out, 'findings'))[0] ?? '';
    const { replay } = JSON.parse(
      readFileSync(join(cwd, out, 'findings', file), 'utf8'),
    ) as Finding;
    for (const line of replay.curl)
      expect(line.includes('-H "authorization: Bearer $SEAMSTRESS_API_KEY"')).toBe(
        'SEAMSTRESS_API_KEY' in env,
      );
    expectNone(await seamstress(['replay', join(out, 'findings', file), ...target], { cwd, env }));
    expectNone(await seamstress(['analyze', out, '--json'], { cwd, env }));
  });

  test('a server that refuses everything', async () => {
    const url = await echoing('all');
    const ran = await seamstress(['run', pack, '--target', address(url), '--debug'], { cwd, env });
    expect(ran.status).toBe(3);
    expect(ran.stderr).toContain('[redacted]');
    expectNone(ran);
  });

  test('a redirect to an address that holds what was sent', async () => {
    for (const spell of [(text: string) => text, encodeURIComponent, ...Object.values(SPELLINGS)]) {
      const url = await serve((request, response) => {
        const told = String(request.headers.authorization);
        const pair = Buffer.from(told.replace('Basic ', ''), 'base64').toString('utf8');
        const bare = told.startsWith('Basic ') ? pair.replace(/^me:|:$/, '') : told.slice(7);
        const location = Buffer.from(
          `http://example.com/${spell(bare)}?k=${spell(bare)}&t=${told}`,
        );
        response.writeHead(302, { location: location.toString('latin1') }).end();
      });
      const ran = await seamstress(['run', pack, '--target', address(url)], { cwd, env });
      expect(ran.status).toBe(3);
      expect(ran.stderr).toContain('redirects to http://example.com/[redacted]');
      expect(ran.stderr).not.toMatch(/planted|sswort|7c55|8d21f6/);
      expectNone(ran);
    }
  });

  test('a redirect is not followed, so that the key goes nowhere else', async () => {
    const seen: unknown[] = [];
    const elsewhere = await serve((request, response) => {
      seen.push(request.headers);
      response.end('{}');
    });
    for (const status of [301, 302, 303, 307, 308]) {
      const url = await serve((_request, response) =>
        response.writeHead(status, { location: `${elsewhere}/props` }).end(),
      );
      const ran = await seamstress(['run', pack, '--target', address(url)], { cwd, env });
      expect(ran.status).toBe(3);
      expect(ran.stderr).toContain(elsewhere);
    }
    expect(seen).toEqual([]);
  });
});
