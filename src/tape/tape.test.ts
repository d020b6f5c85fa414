import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Answer, Completion, Rendered, Target } from '../dialects/dialect.ts';
import { SeamstressError } from '../errors.ts';
import { Refusal } from '../wire/refusal.ts';
import { continueTape } from './continue.ts';
import { keyOf, type Entry } from './entry.ts';
import { TapeFile, TapeWriter } from './file.ts';
import type { TapeHeader } from './header.ts';
import { TapePlayer } from './player.ts';
import { TapedTarget } from './target.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'seamstress-tape-'));
  path = join(folder, 'tape.bin');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const HEADER: TapeHeader = {
  target: { dialect: 'd', url: 'http://127.0.0.1:1', model: 'm', engine: { name: 'e' }, hops: [] },
  startedAt: '2026-01-01T00:00:00.000Z',
  plan: {
    scenarios: [],
    strategies: [],
    lossy: false,
    mode: 'sweep',
    cuts: 'all',
    cases: 0,
    compare: 24,
    seed: 1,
  },
};

const BYTES = fc.uint8Array({ maxLength: 12 });
const ID = fc.nat(1000);
// JSON knows no -0.
const LOGPROB = fc
  .double({ max: 0, noNaN: true, noDefaultInfinity: true })
  .map((value) => value + 0);
const TOKEN = fc.record(
  {
    id: ID,
    bytes: BYTES,
    logprob: LOGPROB,
    top: fc.array(fc.tuple(ID, LOGPROB), { maxLength: 3 }).map((pairs) => pairs.flat()),
  },
  { requiredKeys: ['id', 'bytes'] },
);
const REQUEST = fc.record({
  method: fc.constantFrom('GET' as const, 'POST' as const),
  url: fc.webUrl(),
  body: fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value))),
});
const RENDERED: fc.Arbitrary<Rendered> = fc.record({
  ids: fc.array(ID, { maxLength: 30 }),
  text: fc.option(fc.string({ unit: 'binary', maxLength: 30 }), { nil: undefined }),
  source: fc.constantFrom('server' as const, 'local' as const),
  requests: fc.array(REQUEST, { maxLength: 2 }),
});
const ANSWER: fc.Arbitrary<Answer> = fc.record({
  deltas: fc.array(fc.record({ after: ID, content: fc.string() }), { maxLength: 3 }),
  tokens: fc.array(
    fc.tuple(TOKEN, ID).map(([token, place]) => ({ ...token, place })),
    { maxLength: 4 },
  ),
  generated: ID,
  finish: fc.constantFrom('stop', 'length'),
  end: fc.constant({ kind: 'done' as const }),
  usage: fc.record({ promptTokens: ID, cachedTokens: ID }),
  timing: fc.record({ firstEventMs: ID, totalMs: ID }),
  capture: fc.array(fc.record({ atMs: ID, bytes: BYTES }), { maxLength: 3 }),
  request: REQUEST,
});
const COMPLETION: fc.Arbitrary<Completion> = fc.record({
  tokens: fc.array(TOKEN, { maxLength: 4 }),
  finish: fc.constantFrom('stop', 'length'),
  usage: fc.record({ promptTokens: ID, cachedTokens: ID }),
  totalMs: ID,
  request: REQUEST,
});

type Question = { readonly call: Entry['call']; readonly question: string } & (
  | { readonly result: unknown }
  | { readonly thrown: Error }
);
const QUESTION: fc.Arbitrary<Question> = fc.oneof(
  ...(
    [
      ['render', RENDERED],
      ['chat', ANSWER],
      ['complete', COMPLETION],
      ['encode', fc.array(ID)],
      ['encodePlain', fc.array(TOKEN)],
    ] as const
  ).map(([call, result]) =>
    fc.record({
      call: fc.constant(call),
      question: fc.string({ maxLength: 3 }),
      result: result as fc.Arbitrary<unknown>,
    }),
  ),
  fc.record({
    call: fc.constantFrom('render' as const, 'chat' as const),
    question: fc.string({ maxLength: 3 }),
    thrown: fc
      .record({ status: fc.constantFrom(400, 404, 503), request: REQUEST, body: fc.string() })
      .map((parts) => new Refusal(parts)),
  }),
);

/** Asks a target in the way that the entry's call has it. */
async function ask(target: Target, { call, question }: Question): Promise<unknown> {
  const { signal } = new AbortController();
  const sampling = { maxTokens: 1, top: 0, cache: 'cold' } as const;
  const request = {
    messages: [{ role: 'user', content: question }],
    tools: [],
    thinking: undefined,
  };
  switch (call) {
    case 'chat':
      return await target.chat(request as never, sampling, { signal });
    case 'complete':
      return await target.complete([question.length], sampling, signal);
    case 'render':
      return await target.render(request as never, signal);
    case 'encode':
      return await target.encode(question, signal);
    case 'encodePlain':
      return await target.encodePlain(question, signal);
  }
}

/** A target that gives the listed answers one after the other. */
function scripted(questions: readonly Question[]): Target {
  let next = 0;
  const answer = async (): Promise<never> => {
    const told = questions[next++];
    if (told === undefined) throw new Error('asked too often');
    if ('thrown' in told) throw told.thrown;
    return told.result as never;
  };
  return {
    identity: HEADER.target,
    chatTemplate: undefined,
    spending: { requests: 0, promptTokens: 0, generatedTokens: 0 },
    chat: answer,
    complete: answer,
    render: answer,
    encode: answer,
    encodePlain: answer,
    close: async () => {},
  };
}

async function outcome(asked: Promise<unknown>): Promise<unknown> {
  try {
    return { result: await asked };
  } catch (error) {
    return error instanceof Refusal
      ? { status: error.status, body: error.body, message: error.message, request: error.request }
      : { error: (error as Error).message };
  }
}

async function record(questions: readonly Question[]): Promise<unknown[]> {
  const writer = new TapeWriter(path);
  writer.append(JSON.stringify(HEADER));
  writer.flush();
  const target = new TapedTarget({ live: scripted(questions), writer });
  const outcomes: unknown[] = [];
  for (const [i, question] of questions.entries()) {
    outcomes.push(await outcome(ask(target, question)));
    if (i % 3 === 2) writer.flush();
  }
  writer.close();
  return outcomes;
}

test('every answer and every refusal is played as it was recorded', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(QUESTION, { maxLength: 12 }), async (questions) => {
      const recorded = await record(questions);
      const player = new TapePlayer([path]);
      const target = new TapedTarget({ player });
      const played: unknown[] = [];
      for (const question of questions) played.push(await outcome(ask(target, question)));
      player.close();
      expect(played).toEqual(recorded);
      expect(target.missing).toBe(0);
    }),
  );
});

test('a tape that is cut anywhere gives a beginning of what was recorded, or is refused whole', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(QUESTION, { minLength: 1, maxLength: 9 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (questions, share) => {
        await record(questions);
        const whole = readFileSync(path);
        truncateSync(path, Math.floor(whole.length * share));
        let lines = 0;
        try {
          const file = new TapeFile(path);
          for (let block = file.next(); block !== undefined; block = file.next())
            lines += block.length;
          file.close();
        } catch (error) {
          expect(error).toBeInstanceOf(SeamstressError);
        }
        expect(lines).toBeLessThanOrEqual(questions.length + 1);
        writeFileSync(path, whole);
        const again = new TapeFile(path);
        let all = 0;
        for (let block = again.next(); block !== undefined; block = again.next())
          all += block.length;
        again.close();
        expect(all).toBe(questions.length + 1);
      },
    ),
    { numRuns: 50 },
  );
});

test('going on asks the server only for what the tape lacks, and again where it could not answer', async () => {
  const busy = new Refusal({
    status: 503,
    body: 'busy',
    request: { method: 'POST', url: 'http://127.0.0.1:1/x', body: {} },
  });
  await record([
    { call: 'encode', question: 'a', result: [1] },
    { call: 'encode', question: 'b', thrown: busy },
    { call: 'encode', question: 'c', thrown: new Error('connection lost') },
  ]);
  const writer = continueTape(path);
  const player = new TapePlayer([path]);
  const asked: string[] = [];
  const live: Target = {
    ...scripted([]),
    encode: async (text) => {
      asked.push(text);
      return [text.length, 7];
    },
  };
  const target = new TapedTarget({ live, player, writer });
  const { signal } = new AbortController();
  for (const text of ['a', 'b', 'c', 'd']) await target.encode(text, signal);
  player.close();
  writer.close();
  expect(asked).toEqual(['b', 'c', 'd']);

  const replay = new TapePlayer([path]);
  const played = new TapedTarget({ player: replay });
  expect(await played.encode('a', signal)).toEqual([1]);
  expect(await played.encode('b', signal)).toEqual([1, 7]);
  expect(await played.encode('d', signal)).toEqual([1, 7]);
  await expect(played.encode('never asked', signal)).rejects.toThrow('does not hold');
  expect(played.missing).toBe(1);
  replay.close();
});

test('an answer that an abort may have cut short is neither given nor recorded', async () => {
  const stop = new AbortController();
  const live = {
    identity: HEADER.target,
    encode: async (text: string) => {
      if (text === 'second') stop.abort();
      return [text.length];
    },
  } as unknown as Target;
  const writer = new TapeWriter(path);
  writer.append(JSON.stringify(HEADER));
  const target = new TapedTarget({ live, writer });
  expect(await target.encode('first', stop.signal)).toEqual([5]);
  await expect(target.encode('second', stop.signal)).rejects.toMatchObject({
    code: 'interrupted',
  });
  writer.close();
  const player = new TapePlayer([path]);
  expect(player.take('encode', 'first', false)).toEqual({ result: [5] });
  expect(player.take('encode', 'second', false)).toBeUndefined();
  player.close();
});

test('equal questions for another use have another key', () => {
  expect(keyOf('chat', ['x', 'a'])).not.toBe(keyOf('chat', ['x', 'b']));
  expect(keyOf('encode', 'x')).not.toBe(keyOf('encodePlain', 'x'));
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['another file', Buffer.from('hello, this is no tape at all')],
  ['only a beginning', Buffer.from('seamstress tape 1\n')],
  [
    'a block that claims 4 GiB',
    Buffer.concat([Buffer.from('seamstress tape 1\n'), Buffer.alloc(4, 255)]),
  ],
])('a tape that holds %s is refused in one line', (_, bytes) => {
  writeFileSync(path, bytes);
  expect(() => new TapePlayer([path])).toThrow(SeamstressError);
});

/** A tape with this line behind its header. */
function withLine(line: string): void {
  rmSync(path, { force: true });
  const writer = new TapeWriter(path);
  writer.append(JSON.stringify(HEADER));
  writer.flush();
  writer.append(line);
  writer.close();
}

test.each([
  ['one line that is nested without an end', '['.repeat(60_000_000)],
  ['one that is, and ends', `["encode","x","result",${'['.repeat(9000)}${']'.repeat(9000)}]`],
  ['a line longer than any', `["encode","x","result","${'x'.repeat(70_000_000)}"]`],
  ['lists without an end', `["encode","x","result",[${'[],'.repeat(3_000_000)}0]]`],
])('a tape with %s is refused as damaged', (_, line) => {
  withLine(line);
  const player = new TapePlayer([path]);
  expect(() => player.take('encode', 'x', false)).toThrow(`${path} is damaged`);
  player.close();
});

test('requests that are nested without an end, built from small changes', () => {
  rmSync(path, { force: true });
  const writer = new TapeWriter(path);
  writer.append(JSON.stringify(HEADER));
  const nested = '['.repeat(400);
  for (let i = 0; i < 40; i++)
    writer.append(
      JSON.stringify([
        'render',
        `${i}`,
        'result',
        { i: [0, 0, []], r: [400 * i, 400 * i, nested + ']'.repeat(400)], s: 'server' },
      ]),
    );
  writer.close();
  const player = new TapePlayer([path]);
  expect(() => player.take('render', 'x', false)).toThrow(`${path} is damaged`);
  player.close();
});

test('a block of nothing but line breaks ends the tape', () => {
  withLine('\n'.repeat(50_000_000));
  const player = new TapePlayer([path]);
  expect(player.take('encode', 'x', false)).toBeUndefined();
  player.close();
});
