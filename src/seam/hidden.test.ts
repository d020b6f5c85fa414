import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Answer } from '../dialects/dialect.ts';
import {
  CALLING,
  CUT_SHORT,
  EOS,
  FakeTarget,
  generations,
  PLAIN,
  THINKING,
} from './fixtures.test-help.ts';
import { streamWhole } from './generate.ts';
import { bytesOf, idsOf, type Generation, type TokenEvent } from './generation.ts';
import { withHidden } from './hidden.ts';

const { signal } = new AbortController();
const STRICT = { tries: 1, checked: true, top: 0 };
const PATIENT = { tries: 1, checked: false, top: 5 };

async function filled(
  generation: Generation,
  target = new FakeTarget(generation),
  filling = STRICT,
): Promise<readonly TokenEvent[] | undefined> {
  const scenario = limited(generation);
  const { rendered, answer } = await streamWhole(target, scenario, signal);
  return await withHidden(target, rendered, answer, filling, signal);
}

function limited({ scenario, finish, length }: Generation): Generation['scenario'] {
  return { ...scenario, maxTokens: finish === 'length' ? length : 64 };
}

test.each([
  ['thinking', THINKING],
  ['plain', PLAIN],
  ['out of tokens', CUT_SHORT],
])('a stream and its gaps are the whole generation: %s', async (_, wanted) => {
  const tokens = await filled(wanted);
  expect(idsOf(tokens ?? [])).toEqual(idsOf(wanted.tokens));
  expect(bytesOf(tokens ?? [])).toEqual(bytesOf(wanted.tokens));
});

test('whatever the generation, it is whole or it is not told', async () => {
  await fc.assert(
    fc.asyncProperty(generations, async (wanted) => {
      fc.pre(wanted.length > 0);
      const tokens = await filled(wanted);
      if (tokens !== undefined) expect(idsOf(tokens)).toEqual(idsOf(wanted.tokens));
    }),
  );
});

test('each gap is asked for with the token behind it, from the prompt and all tokens before', async () => {
  const target = new FakeTarget(THINKING);
  await filled(THINKING, target);
  const { promptIds, tokens } = THINKING;
  const start = promptIds.length;
  expect(target.completions.length).toBeGreaterThan(1);
  for (const { prompt } of target.completions)
    expect(prompt).toEqual([...promptIds, ...idsOf(tokens, 0, prompt.length - start)]);
  const asked = target.completions.reduce((sum, { sampling }) => sum + sampling.maxTokens, 0);
  const hidden = tokens.length - 9;
  expect(asked).toBe(hidden + target.completions.length - 1);
});

describe('the ends of an answer', () => {
  const { promptIds, tokens } = PLAIN;
  /** A stream that tells all of a plain answer but its end. */
  const tellsText = (answer: Answer): Answer => ({
    ...answer,
    tokens: tokens.slice(0, -1).map((token, i) => ({ ...token, place: i + 1 })),
  });

  test('the start is asked for from the prompt, and the end behind everything', async () => {
    const target = new FakeTarget(PLAIN, { chat: tellsText });
    expect(idsOf((await filled(PLAIN, target)) ?? [])).toEqual(idsOf(tokens));
    expect(target.completions).toMatchObject([
      { prompt: promptIds, sampling: { maxTokens: 1 } },
      {
        prompt: [...promptIds, ...idsOf(tokens, 0, -1 + tokens.length)],
        sampling: { maxTokens: 1 },
      },
    ]);
  });

  test('without a check the start is not asked for', async () => {
    const target = new FakeTarget(PLAIN, { chat: tellsText });
    expect(idsOf((await filled(PLAIN, target, PATIENT)) ?? [])).toEqual(idsOf(tokens));
    expect(target.calls.complete).toBe(1);
  });

  test('an answer that ran out of tokens behind a hidden one needs no end', async () => {
    const k = THINKING.tokens.findIndex(({ phase }) => phase === 'closing') + 1;
    const target = new FakeTarget(THINKING, {
      chat: (answer) => ({
        ...answer,
        finish: 'length',
        generated: k,
        tokens: answer.tokens.filter(({ place }) => place <= k),
      }),
    });
    const whole = await filled(THINKING, target);
    expect(idsOf(whole ?? [])).toEqual(idsOf(THINKING.tokens, 0, k));
  });

  test('a prompt that is not the one that was answered is noticed', async () => {
    const target = new FakeTarget(PLAIN, { chat: tellsText, render: (text) => `${text}?` });
    expect(await filled(PLAIN, target)).toBeUndefined();
  });

  test('a line break is no end', async () => {
    const target = new FakeTarget(PLAIN, {
      chat: tellsText,
      complete: (honest, _, call) =>
        call === 1 ? honest : honest.map(() => ({ id: 10, bytes: Buffer.from('\n') })),
    });
    expect(await filled(PLAIN, target)).toBeUndefined();
  });

  test('a control token that the stream shows has the bytes that it has by ids', async () => {
    const target = new FakeTarget(PLAIN, {
      chat: (answer) => ({
        ...answer,
        tokens: tellsText(answer).tokens.map((token) =>
          token.place === 1 ? { ...token, bytes: Buffer.from('<|channel|>') } : token,
        ),
      }),
    });
    const whole = await filled(PLAIN, target);
    expect(whole?.map(({ bytes }) => bytes)).toEqual(tokens.map(({ bytes }) => bytes));
  });
});

test('a stream that hides nothing is still held against its prompt', async () => {
  const all = { ...THINKING, tokens: THINKING.tokens };
  const tellsAll = (answer: Answer): Answer => ({
    ...answer,
    tokens: all.tokens.map((token, i) => ({ ...token, place: i + 1 })),
  });
  const right = new FakeTarget(all, { chat: tellsAll });
  expect(idsOf((await filled(all, right)) ?? [])).toEqual(idsOf(all.tokens));
  expect(right.completions).toMatchObject([{ prompt: all.promptIds, sampling: { maxTokens: 1 } }]);
  const wrong = new FakeTarget(all, { chat: tellsAll, complete: () => [{ id: 7, bytes: NONE }] });
  expect(await filled(all, wrong)).toBeUndefined();
});

const NONE = new Uint8Array();

/** The same token with a word for its text, where it has one. */
function worded(token: TokenEvent): TokenEvent {
  return token.bytes.length === 0 ? token : { ...token, bytes: Buffer.from('word') };
}

describe('nothing is made up', () => {
  test('where the engine goes on otherwise behind a gap', async () => {
    const target = new FakeTarget(THINKING, {
      complete: (tokens) =>
        tokens.map((token, i) => (i === tokens.length - 1 ? { ...token, id: 7 } : token)),
    });
    expect(await filled(THINKING, target)).toBeUndefined();
    expect(target.calls.complete).toBe(1);
  });

  test('where a gap is said in words', async () => {
    const target = new FakeTarget(THINKING, { complete: (tokens) => tokens.map(worded) });
    expect(await filled(THINKING, target)).toBeUndefined();
    expect(await filled(THINKING, target, PATIENT)).toBeUndefined();
  });

  test.each([
    [17, 0],
    [16, 1],
  ])('where a gap of %i tokens can be no markup', async (length, asked) => {
    const tokens = [...THINKING.tokens.slice(0, -1), ...THINKING.tokens];
    const long = { ...THINKING, tokens, length: tokens.length - 1 };
    const target = new FakeTarget(long, {
      chat: (answer) => ({
        ...answer,
        tokens: tokens.slice(length).map((token, i) => ({ ...token, place: length + i + 1 })),
      }),
    });
    expect(await filled(long, target)).toBeUndefined();
    expect(target.calls.complete).toBe(asked);
  });

  test('where the answer by ids is too short', async () => {
    const target = new FakeTarget(THINKING, { complete: () => [] });
    expect(await filled(THINKING, target)).toBeUndefined();
  });

  test('where the stream hides so much that asking for all of it costs less', async () => {
    const { tokens } = THINKING;
    const everyOther = (answer: Answer): Answer => ({
      ...answer,
      tokens: tokens.flatMap((token, i) => (i % 2 === 1 ? [{ ...token, place: i + 1 }] : [])),
    });
    const target = new FakeTarget(THINKING, { chat: everyOther });
    expect(await filled(THINKING, target)).toBeUndefined();
    expect(target.calls.complete).toBe(0);
  });

  test('where the stream tells no ids, and nothing is generated for it', async () => {
    const target = new FakeTarget(CALLING, { chat: (answer) => ({ ...answer, tokens: [] }) });
    expect(await filled(CALLING, target)).toBeUndefined();
    expect(target.calls.complete).toBe(0);
    expect(await filled(CALLING, target, PATIENT)).toBeUndefined();
    expect(target.calls.complete).toBe(1);
  });
});

test('an engine that does not repeat itself is asked a few times', async () => {
  const flaky = new FakeTarget(THINKING, {
    complete: (tokens, _, call) => (call === 1 ? [] : tokens),
  });
  const tokens = await filled(THINKING, flaky, { tries: 3, checked: false, top: 5 });
  expect(idsOf(tokens ?? [])).toEqual(idsOf(THINKING.tokens));
});

test('without a check nothing is asked for but the gaps, and a line break may be the end', async () => {
  const { tokens } = THINKING;
  const broken = { id: 10, bytes: Buffer.from('\n') };
  const target = new FakeTarget(THINKING, {
    complete: (honest) => honest.map((token) => (token.id === EOS ? broken : token)),
  });
  const all = await filled(THINKING, target, PATIENT);
  expect(idsOf(all ?? [])).toEqual([...idsOf(tokens).slice(0, -1), broken.id]);
  const asked = target.completions.reduce((sum, { sampling }) => sum + sampling.maxTokens, 0);
  expect(asked).toBe(tokens.length - 9);
});

test.each([
  ['a line break before a line break', '\n', '\n\n'],
  ['other bytes than were hidden', '\xe2\x82', '\xe2\x83\xac'],
  ['no more than was hidden', '\xe2\x82', '\xe2\x82'],
])('bytes that were not told before stay: %s', async (_, gap, own) => {
  const hidden = { id: 1, bytes: Buffer.from(gap, 'latin1') };
  const told = { id: 2, bytes: Buffer.from(own, 'latin1'), place: 2 };
  const end = { id: EOS, bytes: NONE };
  const target = new FakeTarget(THINKING, {
    chat: (answer) => ({ ...answer, generated: 3, tokens: [told], deltas: [] }),
    complete: (_honest, _prompt, call) => (call === 1 ? [hidden] : [end]),
  });
  const tokens = await filled(THINKING, target, PATIENT);
  expect(tokens?.map(({ bytes }) => Buffer.from(bytes).toString('latin1'))).toEqual([gap, own, '']);
});

test('bytes that were told with a later token are not there twice', async () => {
  // llama.cpp: a token that ends inside a character has no entry, and the next one has its bytes too.
  const places = [' ', '\xe2', '\x82', '\xac'].map((byte, i) => ({
    id: i + 1,
    bytes: Uint8Array.of(byte.charCodeAt(0)),
  }));
  const [space, ...character] = places as [TokenEvent, ...TokenEvent[]];
  const told = { ...(character[2] as TokenEvent), bytes: bytesOf(places), place: 4 };
  const end = { id: EOS, bytes: NONE };
  const script = [space, ...character, end];
  const target = new FakeTarget(THINKING, {
    chat: (answer) => ({
      ...answer,
      generated: 5,
      tokens: [told],
      deltas: [{ after: 4, content: ' €' }],
    }),
    complete: (_, __, call) => (call === 1 ? script.slice(0, 3) : [end]),
  });
  const tokens = await filled(THINKING, target, PATIENT);
  expect(tokens?.map(({ bytes }) => [...bytes])).toEqual(script.map(({ bytes }) => [...bytes]));
});
