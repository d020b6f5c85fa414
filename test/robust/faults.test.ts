/**
 * Servers that fail, in every way and at every stage of a run. Each has an outcome that the error
 * or the record names; none is ever taken for a finding of a seam or for a seam that is exact.
 */
import { createServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Writable } from 'node:stream';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SeamstressError } from '../../src/errors.ts';
import { startReference } from '../../src/reference/server.ts';
import type { RunRecord } from '../../src/reports/record.ts';
import { readRun, temporaryFolder } from '../commands/cli.test-help.ts';
import { behindProxy, type Passing } from '../commands/server.test-help.ts';
import { campaignAt } from './campaign.test-help.ts';

const cwd = temporaryFolder();
let runs = 0;

/** A run against a server that fails; the record that it left, or the error. */
async function outcome(url: string, ...more: object[]): Promise<RunRecord | SeamstressError> {
  const folder = join(cwd, `run-${runs++}`);
  try {
    await campaignAt(url, folder, Object.assign({ ids: ['add'] }, ...more));
  } catch (error) {
    expect(error).toBeInstanceOf(SeamstressError);
    return error as SeamstressError;
  }
  return readRun(folder).record;
}

/** Everything that an outcome says. */
function said(told: RunRecord | SeamstressError): string {
  return told instanceof Error ? told.message : told.errors.join('\n');
}

/** What a server answers that keeps to itself what it is. */
const TELLS_NOTHING = new Set(['an empty body', 'a body that is no JSON object']);

/** No seam was tested: an error for the user, of the kind that ends with status 3. */
function expectLost(told: RunRecord | SeamstressError, says: RegExp): void {
  expect(said(told)).toMatch(says);
  if (told instanceof Error) expect(told).toMatchObject({ code: 'target', exitStatus: 3 });
  else expect(told).toMatchObject({ interrupted: 'target-lost', findings: [] });
}

/** What only a resume asks for. */
const isResume = ({ path, body }: Passing): boolean =>
  path === '/v1/chat/completions' && /"role":"assistant"/.test(body);

type Break = (response: ServerResponse) => unknown;

/** Something that never ends: a little every tenth of a second until the connection is closed. */
function dribble(write: (text: string) => unknown, until: Writable | null): void {
  const timer = setInterval(write, 100, 'x');
  until?.on('error', () => undefined);
  until?.once('close', () => clearInterval(timer));
}

const BREAKS: Readonly<Record<string, readonly [Break, RegExp]>> = {
  'closed before an answer': [(response) => response.destroy(), /connection closed before/],
  'reset before an answer': [
    (response) => response.socket?.resetAndDestroy(),
    /connection closed before/,
  ],
  'reset after the head': [
    (response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('{');
      setTimeout(() => response.socket?.resetAndDestroy(), 20);
    },
    /connection lost/,
  ],
  'an answer that is not HTTP': [(response) => response.socket?.end('220 smtp ready\r\n'), /HTTP/],
  'no headers': [() => undefined, /no answer within 1500 ms/],
  'headers that dribble in': [
    ({ socket }) => {
      socket?.write('HTTP/1.1 200 OK\r\n');
      dribble((text) => socket?.write(`x-more: ${text}\r\n`), socket);
    },
    /no answer within 1500 ms/,
  ],
  'a byte now and then, without end': [
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"a":"');
      dribble((text) => response.write(text), response);
    },
    /not whole after 5000 ms|nothing arrived for 5000 ms/,
  ],
  'silence in the body': [
    (response) => response.writeHead(200).write('{"a":'),
    /nothing for 1500 ms|nothing arrived for 1500 ms/,
  ],
  'invalid JSON': [(response) => response.end('{"a":1,}'), /not JSON|not a readable event stream/],
  'a body that is no JSON object': [(response) => response.end('[[1]]'), /./],
  'an empty body': [(response) => response.end(), /./],
  'a page of another server': [
    (response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Hi'),
    /not JSON|not a readable event stream/,
  ],
  'a redirect': [
    (response) => response.writeHead(302, { location: 'http://example.com/elsewhere' }).end(),
    /redirects to http:\/\/example\.com\/elsewhere/,
  ],
  'damaged gzip': [
    (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip'),
    /decompress|compressed/,
  ],
  'an unknown encoding': [
    (response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end('?'),
    /zstd/,
  ],
  'a body of 100 MB': [
    (response) => {
      const part = Buffer.alloc(1024 * 1024, 'x');
      let left = 100;
      const more = (): void => {
        while (!response.destroyed && left-- > 0) if (!response.write(part)) return;
        if (left <= 0) response.end();
      };
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: ');
      response.on('drain', more);
      more();
    },
    /larger than \d+ bytes/,
  ],
};

const STAGES: Readonly<Record<string, (passing: Passing) => boolean>> = {
  'the first look': ({ path }) => path === '/props',
  'the first prompt': ({ path }) => path === '/apply-template',
  'the first tokens': ({ path }) => path === '/tokenize',
  'the first generation': ({ path }) => path === '/v1/chat/completions',
  'the control': ({ path }) => path === '/completion',
};

/** Faults that are waited for; on a busy machine honest answers take their time, too. */
const IMPATIENT = { timeouts: { headersMs: 1500, stallMs: 1500 } };
/** An event or a whole answer may take ten times as long as silence may. */
const IMPATIENT_WITH_LITTLE = { timeouts: { headersMs: 1500, stallMs: 500 } };

function patienceFor(name: string): object {
  if (name.startsWith('a byte now')) return IMPATIENT_WITH_LITTLE;
  return /headers|silence/.test(name) ? IMPATIENT : {};
}

describe.each(Object.keys(STAGES))('at %s', (stage) => {
  test.each(Object.keys(BREAKS))('%s', async (name) => {
    const [strike, says] = BREAKS[name] ?? [() => undefined, /never/];
    const url = await behindProxy((passing) => {
      if (STAGES[stage]?.(passing) !== true) return false;
      strike(passing.response);
      return true;
    });
    const told = await outcome(url, patienceFor(name));
    // A server may keep to itself what it is; the rest of it is right.
    if (stage === 'the first look' && TELLS_NOTHING.has(name))
      expect(told).toMatchObject({ errors: [], findings: [] });
    else expectLost(told, says);
  });
});

const STATUSES = [401, 403, 404, 408, 413, 429, 500, 502, 503, 529];

const BODIES: Readonly<Record<string, string>> = {
  'without a body': '',
  'with its words': JSON.stringify({ error: { message: 'the words of the server' } }),
};

describe('a refusal from the start', () => {
  test.each(
    Object.keys(STAGES).flatMap((stage) => STATUSES.map((status) => [stage, status] as const)),
  )('at %s: HTTP %i', async (stage, status) => {
    for (const text of Object.values(BODIES)) {
      const words = text === '' ? '' : ': the words of the server';
      const url = await behindProxy((passing) => {
        if (STAGES[stage]?.(passing) !== true) return false;
        passing.response.writeHead(status).end(text);
        return true;
      });
      const told = await outcome(url);
      // A server need not tell what it is.
      if (stage === 'the first look' && status === 404)
        expect(told).toMatchObject({ errors: [], findings: [] });
      // A path that is not there is named, and what to do about it.
      else if (stage === 'the first tokens' && status === 404)
        expectLost(told, /has no \/tokenize \(HTTP 404\)/);
      else expectLost(told, new RegExp(`HTTP ${status}${words}`));
    }
  });
});

describe('at a resume', () => {
  test.each(Object.keys(BREAKS))('%s', async (name) => {
    const [strike, says] = BREAKS[name] ?? [() => undefined, /never/];
    const url = await behindProxy((passing) => {
      if (!isResume(passing)) return false;
      strike(passing.response);
      return true;
    });
    const told = (await outcome(url, { cuts: 2 }, patienceFor(name))) as RunRecord;
    const { verdicts, seams } = told.totals;
    // Prompts are judged without a resume; what had to be resumed is an error, or names the stream.
    const named = told.findings.map(({ cause }) => cause);
    for (const cause of named) expect(cause).toMatch(/^(stream|connection|nothing|empty|no-)/);
    expect(verdicts.error + verdicts.diverged + verdicts.rejected).toBeGreaterThan(0);
    expect(verdicts.exact).toBeLessThan(seams);
    if (named.length === 0) expect(said(told)).toMatch(says);
  });

  test.each(
    STATUSES.flatMap((status) => Object.keys(BODIES).map((body) => [status, body] as const)),
  )('HTTP %i %s', async (status, body) => {
    const text = BODIES[body] ?? '';
    const url = await behindProxy((passing) => {
      if (!isResume(passing)) return false;
      passing.response.writeHead(status).end(text);
      return true;
    });
    const told = (await outcome(url)) as RunRecord;
    const words = `HTTP ${status}${text === '' ? '' : ': the words of the server'}`;
    if (status === 413) {
      expect(told.totals.verdicts.rejected).toBeGreaterThan(0);
      expect(told.findings[0]?.summary).toContain(words);
    } else {
      expect(told.totals.verdicts.error).toBeGreaterThan(0);
      expect(told.findings).toEqual([]);
      expect(said(told)).toContain(words);
    }
  });
});

describe('what is no fault', () => {
  test('gzip that nobody asked for', async () => {
    const reference = await startReference();
    onTestFinished(() => reference.close());
    const url = await behindProxy(async ({ path, body, response }) => {
      if (path === '/v1/chat/completions') return false;
      const told = await fetch(reference.url + path, body === '' ? {} : { method: 'POST', body });
      response
        .writeHead(told.status, { 'content-encoding': 'gzip' })
        .end(gzipSync(Buffer.from(await told.arrayBuffer())));
      return true;
    });
    const told = (await outcome(url)) as RunRecord;
    expect(told).toMatchObject({ errors: [], findings: [] });
    expect(told.totals.verdicts.exact).toBe(told.totals.seams);
  });

  test('a server that takes its time over every byte', async () => {
    const url = await behindProxy(async ({ path, response }) => {
      if (path !== '/props') return false;
      const reference = await startReference();
      const bytes = Buffer.from(await (await fetch(`${reference.url}/props`)).arrayBuffer());
      await reference.close();
      for (let at = 0; at < bytes.length; at += 100) {
        response.write(bytes.subarray(at, at + 100));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      response.end();
      return true;
    });
    const told = (await outcome(url)) as RunRecord;
    expect(told.totals.verdicts.exact).toBe(told.totals.seams);
  });
});

test('a stream that never ends is given up and named', async () => {
  const url = await behindProxy(({ path, response }) => {
    if (path !== '/v1/chat/completions') return false;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const event = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'more ' } }] })}\n\n`;
    const timer = setInterval(() => response.write(event.repeat(50)), 1);
    response.once('close', () => clearInterval(timer));
    return true;
  });
  expectLost(await outcome(url), /the stream does not end: more than \d+ events/);
});

test('bytes that are no UTF-8 are never taken for the text of the model', async () => {
  const url = await behindProxy((passing) => {
    if (!isResume(passing)) return false;
    const { response } = passing;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"choices":[{"index":0,"delta":{"content":"');
    response.write(Buffer.from([0xff, 0xfe, 0xc3, 0x28]));
    response.end('"},"finish_reason":null}]}\n\ndata: [DONE]\n\n');
    return true;
  });
  const told = (await outcome(url)) as RunRecord;
  const { exact, diverged, error } = told.totals.verdicts;
  expect(exact).toBeLessThan(told.totals.seams);
  expect(diverged + error).toBeGreaterThan(0);
});

test('a server that restarts in the middle: some errors, no finding, and the rest is judged', async () => {
  const first = await startReference();
  let url = first.url;
  let asked = 0;
  // Requests that it does not answer before it is back.
  let lost = 0;
  const second = await startReference();
  onTestFinished(() => second.close());
  const proxied = await behindProxy(async ({ path, body, response }) => {
    if (path === '/apply-template' && ++asked === 12) {
      lost = 8;
      url = second.url;
      await first.close();
    }
    if (lost > 0) {
      lost--;
      response.destroy();
      return true;
    }
    try {
      const told = await fetch(url + path, body === '' ? {} : { method: 'POST', body });
      response.writeHead(told.status, { 'content-type': told.headers.get('content-type') ?? '' });
      for await (const chunk of told.body ?? []) response.write(chunk);
      response.end();
    } catch {
      // What was under way when it went down.
      response.destroy();
    }
    return true;
  });
  const told = (await outcome(proxied, { cuts: 'all', concurrency: 1 })) as RunRecord;
  expect(told.findings).toEqual([]);
  const { exact, error } = told.totals.verdicts;
  expect(error).toBeGreaterThan(0);
  expect(exact + error).toBe(told.totals.seams);
  expect(exact).toBeGreaterThan(error);
  expect(said(told)).toMatch(/connection closed/);
});

test('a server that is gone for good is named: connection refused', async () => {
  const server = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  expectLost(await outcome(`http://127.0.0.1:${port}`), /connection refused/);
});

test('a server whose answers change between requests makes no finding', async () => {
  let turn = 0;
  const url = await behindProxy(async ({ path, body, response }) => {
    if (path !== '/completion' && path !== '/v1/chat/completions') return false;
    // Every answer is about something else.
    const asked = JSON.parse(body) as { messages?: { role: string; content: string }[] };
    const question = asked.messages?.[0];
    if (question === undefined) return false;
    question.content += ` ${turn++}`;
    const told = await fetch(`${await changing()}${path}`, {
      method: 'POST',
      body: JSON.stringify(asked),
    });
    response.writeHead(told.status, { 'content-type': told.headers.get('content-type') ?? '' });
    for await (const chunk of told.body ?? []) response.write(chunk);
    response.end();
    return true;
  });
  let reference: Awaited<ReturnType<typeof startReference>> | undefined;
  async function changing(): Promise<string> {
    reference ??= await startReference();
    return reference.url;
  }
  onTestFinished(async () => reference?.close());
  const told = await outcome(url);
  if (told instanceof Error) expect(told.message).toMatch(/two greedy runs/);
  else {
    expect(told.findings).toEqual([]);
    expect(told.totals.verdicts.unstable + told.totals.verdicts.error).toBeGreaterThan(0);
  }
});
