import fc from 'fast-check';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startReference, type ReferenceServer } from '../reference/server.ts';
import { readPiece } from './delivered.ts';
import { FrameSplitter } from './frames.ts';
import { startInterrupter, type Interrupter, type InterrupterOptions } from './interrupter.ts';
import { INTERRUPTIONS, type Interruption, type InterruptionName } from './plan.ts';
import { listen } from './relay.ts';

let server: ReferenceServer;
beforeAll(async () => {
  server = await startReference();
});
afterAll(() => server.close());

const NONE: Interruption = { refusePrefill: false };
const QUESTION = { role: 'user', content: 'Write a Go function find_max over xs.' };
const TOOL = { role: 'user', content: 'Use the tool: weather in Oslo, celsius?' };
const TOOLS = [{ type: 'function', function: { name: 'get_weather', parameters: {} } }];

async function proxy(
  interruption: Interruption,
  more: Partial<InterrupterOptions> = {},
): Promise<Interrupter> {
  const made = await startInterrupter({
    upstream: server.url,
    interruption,
    after: 24,
    stallMs: 150,
    retryAfterSeconds: 2,
    ...more,
  });
  onTestFinished(() => made.close());
  return made;
}

/** What a client reads of an answer, and whether its body ended in good order. */
interface Read {
  readonly status: number;
  readonly bytes: Buffer;
  readonly whole: boolean;
  readonly retryAfter: string | undefined;
}

async function post(
  url: string,
  body: object,
  path = '/v1/chat/completions',
  headers: Readonly<Record<string, string>> = {},
): Promise<Read> {
  const sent = request(url + path, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', ...headers },
  });
  sent.end(JSON.stringify(body));
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  let whole = true;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch {
    whole = false;
  }
  const retryAfter = answer.headers['retry-after'];
  return { status: answer.statusCode ?? 0, bytes: Buffer.concat(chunks), whole, retryAfter };
}

const chat = (messages: readonly object[], more: object = {}): object => ({
  model: 'thinker',
  stream: true,
  temperature: 0,
  messages,
  tools: TOOLS,
  ...more,
});

/** The pieces of what was read. */
function piecesOf(bytes: Buffer): ReturnType<typeof readPiece>[] {
  return new FrameSplitter().push(bytes).map(({ data }) => readPiece('chat', data));
}

/** A stream without what differs from one answer to the next. */
function plain(bytes: Buffer): string {
  return bytes
    .toString('utf8')
    .replaceAll(/"(?:id|created|timings|system_fingerprint)":(?:"[^"]*"|\d+|\{[^}]*\})/g, '');
}

async function broken(
  name: InterruptionName,
  question = QUESTION,
): Promise<{ read: Read; made: Interrupter }> {
  const made = await proxy(INTERRUPTIONS[name]);
  const read = await post(made.url, chat([question]));
  await expect.poll(() => made.turns.length).toBe(1);
  return { read, made };
}

describe('without an interruption', () => {
  test('bytes go through as they are', async () => {
    const made = await proxy(NONE);
    const [through, direct] = await Promise.all([
      post(made.url, chat([QUESTION])),
      post(server.url, chat([QUESTION])),
    ]);
    expect(plain(through.bytes)).toBe(plain(direct.bytes));
    expect(through.whole).toBe(true);
    expect(made.turns).toMatchObject([{ n: 0, status: 200, end: 'whole' }]);
    expect(made.turns[0]?.delivered.reasoning).toContain('Go uses tabs.');
    expect(made.turns[0]?.delivered.finish).toBe('stop');
    expect(made.struck()).toBeUndefined();
  });

  test('an answer that is no stream is handed on and read', async () => {
    const made = await proxy(INTERRUPTIONS['mid-content']);
    const read = await post(made.url, chat([QUESTION], { stream: false }));
    expect(JSON.parse(read.bytes.toString())).toMatchObject({ object: 'chat.completion' });
    await expect.poll(() => made.turns.length).toBe(1);
    expect(made.turns[0]?.delivered.content).toContain('func find_max');
    expect(made.struck()).toBeUndefined();
  });

  test("a server's own refusal is handed on, and kept as such", async () => {
    const made = await proxy(NONE);
    const read = await post(made.url, { stream: true });
    expect(read.status).toBe(400);
    await expect.poll(() => made.turns.length).toBe(1);
    expect(made.turns).toMatchObject([{ end: 'server-refused', status: 400 }]);
    expect(made.turns[0]?.refusal).toContain("'messages' is required");
  });

  test('other requests go through and are counted', async () => {
    const made = await proxy(INTERRUPTIONS.reset);
    expect(await (await fetch(`${made.url}/v1/models`)).json()).toMatchObject({ object: 'list' });
    expect(made.others()).toBe(1);
    expect(made.turns).toEqual([]);
  });

  test('a name that is not loopback is refused', async () => {
    const made = await proxy(NONE);
    const read = await post(made.url, chat([QUESTION]), undefined, { host: 'example.org' });
    expect(read.status).toBe(403);
    expect(made.turns).toEqual([]);
  });
});

describe('an interruption', () => {
  test.each([
    ['mid-thought', false],
    ['after-thought', false],
    ['mid-content', false],
    ['error-event', true],
    ['no-done', true],
    ['stall', false],
  ] as const)('%s falls in its phase and ends the body as it says', async (name, whole) => {
    const { read, made } = await broken(name);
    const { reasoning, content, finish } = made.turns[0]?.delivered ?? {};
    expect(read).toMatchObject({ status: 200, whole });
    expect(made.struck()).toBe(0);
    expect(made.turns[0]?.end).toBe('interrupted');
    expect(finish).toBeUndefined();
    expect(reasoning).not.toBe('');
    const inContent = !name.endsWith('thought');
    expect(content === '').toBe(!inContent);
    if (name === 'mid-thought') expect(reasoning).not.toContain('blank lines');
    else expect(reasoning).toContain('blank lines');
    if (inContent) expect(content).not.toMatch(/```\n$/);
    // What is held to have been delivered is what the client read, to the last character.
    const pieces = piecesOf(read.bytes);
    expect(pieces.map((piece) => piece.reasoning?.text ?? '').join('')).toBe(reasoning);
    expect(pieces.map((piece) => piece.content ?? '').join('')).toBe(content);
    expect(read.bytes.toString().includes('[DONE]')).toBe(false);
    expect(read.bytes.toString().includes('"error"')).toBe(name === 'error-event');
  });

  test('mid-tool-call leaves the arguments unfinished', async () => {
    const { read, made } = await broken('mid-tool-call', TOOL);
    const call = made.turns[0]?.delivered.calls[0];
    expect(call?.name).toBe('get_weather');
    expect(call?.arguments).toMatch(/^\{"city"/);
    expect(() => JSON.parse(call?.arguments ?? '{}') as unknown).toThrow();
    expect(read.whole).toBe(false);
  });

  test('thinking-only ends in good order without content', async () => {
    const { read } = await broken('thinking-only');
    const pieces = piecesOf(read.bytes);
    expect(read.whole).toBe(true);
    expect(pieces.at(-1)).toEqual({ last: true });
    expect(pieces.some(({ finish }) => finish === 'stop')).toBe(true);
    expect(pieces.some(({ content }) => content !== undefined)).toBe(false);
  });

  test('done-missing keeps everything else', async () => {
    const { read, made } = await broken('done-missing');
    const direct = await post(server.url, chat([QUESTION]));
    expect(plain(read.bytes)).toBe(plain(direct.bytes).replace('data: [DONE]\n\n', ''));
    expect(made.turns[0]?.delivered.finish).toBe('stop');
  });

  test('rate-limited is a 429 with Retry-After, once', async () => {
    const { read, made } = await broken('rate-limited');
    expect(read).toMatchObject({ status: 429, retryAfter: '2' });
    expect((await post(made.url, chat([QUESTION]))).status).toBe(200);
  });

  test('reset gives no event at all', async () => {
    const { read } = await broken('reset');
    expect(read).toMatchObject({ status: 200, whole: false });
    expect(read.bytes).toHaveLength(0);
  });

  test('is made once, and every later answer is whole', async () => {
    const { made } = await broken('mid-content');
    expect((await post(made.url, chat([QUESTION]))).whole).toBe(true);
    expect(made.turns.map(({ end }) => end)).toEqual(['interrupted', 'whole']);
  });

  test('leaves other models alone', async () => {
    const made = await proxy(INTERRUPTIONS['mid-content'], { model: 'thinker' });
    expect((await post(made.url, chat([QUESTION], { model: 'small' }))).whole).toBe(true);
    expect((await post(made.url, chat([QUESTION]))).whole).toBe(false);
  });

  test('prefill-refused refuses each request that ends with an assistant message', async () => {
    const made = await proxy({ refusePrefill: true });
    const prefill = { role: 'assistant', content: 'The' };
    const refused = await post(made.url, chat([QUESTION, prefill]));
    expect(refused.status).toBe(400);
    expect(refused.bytes.toString()).toContain('incompatible with enable_thinking');
    expect((await post(made.url, chat([QUESTION, prefill, QUESTION]))).status).toBe(200);
    expect((await post(made.url, chat([QUESTION]))).status).toBe(200);
  });

  test('a client that leaves is seen to leave', async () => {
    const made = await proxy(INTERRUPTIONS.stall, { stallMs: 60_000 });
    const quiet = new AbortController();
    const asked = fetch(`${made.url}/v1/chat/completions`, {
      method: 'POST',
      signal: quiet.signal,
      body: JSON.stringify(chat([QUESTION])),
    }).then((response) => response.text());
    await expect.poll(() => made.struck()).toBe(0);
    quiet.abort();
    await expect(asked).rejects.toThrow();
    await expect.poll(() => made.turns[0]?.end).toBe('client-left');
  });
});

test('wherever the cut is asked for, what was delivered is a beginning of the answer', async () => {
  const whole = await post(server.url, chat([QUESTION]));
  const all = piecesOf(whole.bytes);
  const reasoning = all.map((piece) => piece.reasoning?.text ?? '').join('');
  const content = all.map((piece) => piece.content ?? '').join('');
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('mid-thought', 'mid-content', 'no-done' as const),
      fc.integer({ min: 1, max: 200 }),
      async (name, after) => {
        const made = await startInterrupter({
          upstream: server.url,
          interruption: INTERRUPTIONS[name as InterruptionName],
          after,
          stallMs: 100,
          retryAfterSeconds: 1,
        });
        await post(made.url, chat([QUESTION]));
        await expect.poll(() => made.turns.length).toBe(1);
        await made.close();
        const { delivered } = made.turns[0] ?? {};
        expect(reasoning.startsWith(delivered?.reasoning ?? '?')).toBe(true);
        expect(content.startsWith(delivered?.content ?? '?')).toBe(true);
        const [cut, of] =
          name === 'mid-thought'
            ? [delivered?.reasoning ?? '', reasoning]
            : [delivered?.content ?? '', content];
        expect(cut.length).toBeGreaterThanOrEqual(Math.min(after, of.length));
        if (after + 60 < of.length) expect(cut.length).toBeLessThan(of.length);
      },
    ),
    { numRuns: 25 },
  );
});

function event(type: string, more: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
}

describe('the messages API', () => {
  const STREAM = [
    event('message_start', { message: { role: 'assistant', content: [] } }),
    event('content_block_start', { index: 0, content_block: { type: 'thinking', thinking: '' } }),
    event('content_block_delta', {
      index: 0,
      delta: { type: 'thinking_delta', thinking: 'Hm, let me see.' },
    }),
    event('content_block_stop', { index: 0 }),
    event('content_block_start', { index: 1, content_block: { type: 'text', text: '' } }),
    event('content_block_delta', { index: 1, delta: { type: 'text_delta', text: 'It is four ' } }),
    event('content_block_delta', {
      index: 1,
      delta: { type: 'text_delta', text: 'and not five.' },
    }),
    event('content_block_stop', { index: 1 }),
    event('message_delta', { delta: { stop_reason: 'end_turn' } }),
    event('message_stop', {}),
  ];

  async function upstream(): Promise<string> {
    const made: Server = createServer((asked, response) => {
      asked.resume();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(STREAM.join(''));
    });
    made.listen(0, '127.0.0.1');
    await once(made, 'listening');
    onTestFinished(async () => {
      made.closeAllConnections();
      made.close();
      await once(made, 'close');
    });
    return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
  }

  const BODY = { model: 'm', stream: true, system: 'Be terse.', messages: [QUESTION] };

  test('is read and handed on byte for byte', async () => {
    const made = await proxy(NONE, { upstream: await upstream() });
    const read = await post(made.url, BODY, '/v1/messages');
    expect(read.bytes.toString()).toBe(STREAM.join(''));
    expect(made.turns).toMatchObject([
      {
        end: 'whole',
        asked: { format: 'messages', messages: [{ role: 'system' }, { role: 'user' }] },
        delivered: {
          reasoning: 'Hm, let me see.',
          reasoningField: 'thinking',
          content: 'It is four and not five.',
          finish: 'end_turn',
        },
      },
    ]);
  });

  test('is cut between its events, and its endings are its own', async () => {
    const made = await proxy(
      { at: 'content', how: 'closed', refusePrefill: false },
      { upstream: await upstream(), after: 5 },
    );
    const cut = await post(made.url, BODY, '/v1/messages');
    expect(cut.bytes.toString()).toBe(STREAM.slice(0, 6).join(''));
    const thinking = await proxy(INTERRUPTIONS['thinking-only'], { upstream: await upstream() });
    const ended = (await post(thinking.url, BODY, '/v1/messages')).bytes.toString();
    // The open text block is closed before the message is.
    expect(ended.startsWith(STREAM.slice(0, 5).join(''))).toBe(true);
    expect(ended).toContain(event('content_block_stop', { index: 1 }));
    expect(ended.endsWith(event('message_stop', {}))).toBe(true);
    const failing = await proxy(INTERRUPTIONS['error-event'], {
      upstream: await upstream(),
      after: 5,
    });
    const failed = (await post(failing.url, BODY, '/v1/messages')).bytes.toString();
    expect(failed).toContain('event: error\ndata: {"type":"error"');
  });
});

test.skipIf(process.platform === 'win32')(
  'a relay to the Unix socket gives the same bytes, and the same break',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seamstress-relay-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const socket = join(folder, 's.sock');
    const made = await proxy(INTERRUPTIONS['mid-content'], { socket });
    const inside = await listen(socket, 0);
    onTestFinished(() => void inside.close());
    const url = `http://127.0.0.1:${(inside.address() as AddressInfo).port}`;
    const read = await post(url, chat([QUESTION]));
    expect(read.whole).toBe(false);
    await expect.poll(() => made.turns.length).toBe(1);
    expect(
      piecesOf(read.bytes)
        .map((piece) => piece.content ?? '')
        .join(''),
    ).toBe(made.turns[0]?.delivered.content);
    expect((await post(url, chat([QUESTION]))).whole).toBe(true);
  },
);
