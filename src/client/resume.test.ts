import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { connect } from '../dialects/registry.ts';
import { SeamstressError } from '../errors.ts';
import { parseFault } from '../reference/faults.ts';
import { startReference, type ReferenceServer } from '../reference/server.ts';
import { loadScenarios } from '../scenario/load.ts';
import type { Scenario } from '../scenario/schema.ts';
import { ResumeError } from './error.ts';
import type { ResumeEvent } from './events.ts';
import { BREAKS, startFlaky, type Flaky, type Lane, type PlannedBreak } from './flaky.test-help.ts';
import { read, resumeMany } from './many.test-help.ts';
import type { Recipe } from './recipe.ts';
import { resume, type ResumeOptions } from './resume.ts';

// Loaded machines are slow, and many requests are made.
vi.setConfig({ testTimeout: 120_000 });

let reference: ReferenceServer;
let flaky: Flaky;
let scenarios: readonly Scenario[];

beforeAll(async () => {
  scenarios = await loadScenarios([]);
  reference = await startReference();
  flaky = await startFlaky(reference.url);
});
afterAll(async () => {
  await flaky.close();
  await reference.close();
});

function scenario(id: string): Scenario {
  const found = scenarios.find((known) => known.id === id);
  if (found === undefined) throw new Error(`no scenario ${id}`);
  return found;
}

function thinkingOf(id: string): Partial<ResumeOptions> {
  const { thinking } = scenario(id);
  return thinking === undefined ? {} : { thinking };
}

function options(url: string, id: string, more: Partial<ResumeOptions> = {}): ResumeOptions {
  const { messages, tools, maxTokens } = scenario(id);
  const base = { target: url, stallMs: 20_000, waitMs: 1, recipe: 'reasoning-field' };
  return { ...base, messages, tools, maxTokens, ...more };
}

/** A lane on which streams break as planned. */
function broken(...plan: readonly PlannedBreak[]): Lane {
  const lane = flaky.lane();
  lane.plan = [...plan];
  return lane;
}

/** A lane before a server with a planted fault. */
async function faulty(fault: string, ...plan: readonly PlannedBreak[]): Promise<Lane> {
  const server = await startReference({ faults: [parseFault(fault)] });
  const proxy = await startFlaky(server.url);
  onTestFinished(async () => {
    await proxy.close();
    await server.close();
  });
  const lane = proxy.lane();
  lane.plan = [...plan];
  return lane;
}

/** Events until the end or the error, and the error. */
async function readAll(
  given: ResumeOptions,
): Promise<{ events: ResumeEvent[]; error: unknown; text: string }> {
  const events: ResumeEvent[] = [];
  let error: unknown;
  try {
    for await (const event of resume(given)) events.push(event);
  } catch (thrown) {
    error = thrown;
  }
  const text = events
    .map((event) => (event.kind === 'delta' ? (event.reasoning ?? '') + (event.content ?? '') : ''))
    .join('');
  return { events, error, text };
}

describe('a message comes whole over a flaky server', () => {
  test('100 generations, each cut ten times at random tokens in all phases: every one equal', async () => {
    const result = await resumeMany(flaky, {
      scenarios,
      recipe: 'reasoning-field',
      generations: 100,
      cuts: 10,
      seed: 7,
      lanes: 4,
    });
    expect(result.wrong).toEqual([]);
    expect(result).toMatchObject({ equal: 100, refused: {}, cutsMade: 1000 });
    for (const phase of ['opening', 'reasoning', 'content', 'tool-call'] as const)
      expect([phase, result.cuts[phase] ?? 0]).toEqual([phase, expect.any(Number)]);
    expect(Math.min(...Object.values(result.cuts))).toBeGreaterThan(5);
    expect(Object.keys(result.cuts)).toHaveLength(4);
  }, 300_000);

  test.each(BREAKS.map((how) => [how] as const))(
    'a break by %s is told, and gone over',
    async (how) => {
      const whole = await read(options(reference.url, 'add'));
      const lane = broken({ events: 20, how }, { events: 31, how });
      const { view, ids, finish, events } = await read(
        options(lane.url, 'add', { stallMs: how === 'stall' ? 2000 : 20_000 }),
      );
      expect({ view, finish }).toEqual({ view: whole.view, finish: whole.finish });
      for (const [i, id] of ids.entries())
        if (id !== undefined && whole.ids[i] !== undefined) expect(id).toBe(whole.ids[i]);
      const told = events.filter((event) => event.kind !== 'delta').map(({ kind }) => kind);
      expect(told).toEqual(['attempt', 'cut', 'attempt', 'cut', 'attempt', 'finished']);
      const cause = { stall: 'stall', 'error-event': 'error-event', 'http-503': 'no-answer' };
      for (const event of events)
        if (event.kind === 'cut')
          expect(event.cause).toBe(cause[how as keyof typeof cause] ?? 'disconnect');
    },
  );

  test('a token limit of each attempt is gone over; that of the message ends it', async () => {
    const whole = await read(options(reference.url, 'fruits'));
    const pieces = await read(
      options(reference.url, 'fruits', { tokensPerAttempt: 17, attempts: 50 }),
    );
    expect(pieces.view).toEqual(whole.view);
    const cuts = pieces.events.filter((event) => event.kind === 'cut');
    expect(cuts.length).toBeGreaterThan(3);
    for (const { cause } of cuts) expect(cause).toBe('token-limit');
    const short = await read(
      options(reference.url, 'fruits', { maxTokens: 40, tokensPerAttempt: 17 }),
    );
    expect(short.finish).toBe('length');
    expect(short.ids).toHaveLength(40);
    expect(
      (whole.view.reasoning + whole.view.content).startsWith(
        short.view.reasoning + short.view.content,
      ),
    ).toBe(true);
  });

  test('tool calls are put together over cuts inside their arguments', async () => {
    const whole = await read(options(reference.url, 'tool'));
    const [call] = whole.view.toolCalls;
    expect(call?.arguments).toMatch(/city/);
    for (let events = 20; events < 40; events++) {
      const { view } = await read(options(broken({ events, how: 'reset' }).url, 'tool'));
      expect(view).toEqual({
        ...whole.view,
        toolCalls: [{ ...call, id: view.toolCalls[0]?.id }],
      });
    }
  });

  test('ids are those of the server, with their places', async () => {
    const target = await connect(undefined, { url: reference.url }, new AbortController().signal);
    onTestFinished(() => target.close());
    const { messages, tools } = scenario('add');
    const { ids: prompt } = await target.render(
      { messages, tools, thinking: undefined },
      new AbortController().signal,
    );
    const { tokens } = await target.complete(
      prompt,
      { maxTokens: 512, top: 0, cache: 'cold' },
      new AbortController().signal,
    );
    const { ids, events } = await read(options(broken({ events: 30, how: 'reset' }).url, 'add'));
    expect(ids.filter((id) => id !== undefined).length).toBeGreaterThan(40);
    for (const [i, id] of ids.entries()) if (id !== undefined) expect(id).toBe(tokens[i]?.id);
    for (const event of events)
      if (event.kind === 'delta')
        for (const { id, place } of event.tokens) expect(id).toBe(tokens[place - 1]?.id);
  });
});

describe('what cannot be gone on with exactly is refused, and nothing is stitched', () => {
  test.each([
    ['newline-before-close', 'add', 120, 'separator-rebuilt', /whitespace around the end/],
    ['reasoning-lost', 'thinking', 12, 'reasoning-dropped', /wanted “.*”, got “?/],
    ['prefill-dropped', 'no-thinking', 12, 'prefill-dropped', /wanted “.*”, got nothing/],
    ['turn-closed', 'thinking', 12, 'turn-reopened', /got “.*im_end/],
    ['empty-think-block', 'no-thinking', 12, 'empty-think-block', /think/],
    ['thinking-closed-early', 'thinking', 12, 'thinking-closed-early', /got “.*<\/think>/],
  ] as const)('%s in %s', async (fault, id, place, cause, words) => {
    const whole = await read(options(reference.url, id, thinkingOf(id)));
    const lane = await faulty(fault, { events: place, how: 'reset' });
    const { events, error, text } = await readAll(options(lane.url, id, thinkingOf(id)));
    expect(error).toBeInstanceOf(ResumeError);
    expect(error).toMatchObject({
      problem: 'prompt-differs',
      message: expect.stringMatching(words) as string,
    });
    if (!(error instanceof ResumeError) || error.difference === undefined) return;
    const { difference } = error;
    expect(difference.cause).toBe(cause);
    expect(difference.expectedIds[difference.at]).not.toBe(difference.actualIds[difference.at]);
    expect(difference.expectedIds.slice(0, difference.at)).toEqual(
      difference.actualIds.slice(0, difference.at),
    );
    expect(events.at(-1)?.kind).toBe('cut');
    expect(lane.bodies).toHaveLength(1);
    expect(error.view.reasoning + error.view.content).toBe(text);
    expect((whole.view.reasoning + whole.view.content).startsWith(text)).toBe(true);
  });
});

describe('giving up tokens', () => {
  test('an earlier place where the prompt is right is found, and nothing is yielded twice', async () => {
    const whole = await read(options(reference.url, 'python'));
    let rewound = 0;
    for (let events = 40; events < 110; events += 6) {
      const plan = [{ events, how: 'reset' }] as const;
      const refused = await readAll(
        options((await faulty('trailing-space-stripped', ...plan)).url, 'python'),
      );
      const lane = await faulty('trailing-space-stripped', ...plan);
      const found = await readAll(options(lane.url, 'python', { rewind: 12 }));
      expect(found.error).toBeUndefined();
      expect(found.text).toBe(whole.view.reasoning + whole.view.content);
      const resumed = found.events.find((event) => event.kind === 'attempt' && event.attempt === 2);
      const back = resumed?.kind === 'attempt' ? resumed.rewound : 0;
      if (refused.error !== undefined) {
        expect(refused.error).toMatchObject({
          problem: 'prompt-differs',
          difference: { cause: 'trailing-whitespace-trimmed' },
        });
        expect(back).toBeGreaterThan(0);
        expect(back).toBeLessThanOrEqual(12);
        rewound++;
      }
    }
    expect(rewound).toBeGreaterThan(1);
  });
});

describe('a resumed stream that does not go on where the one before ended', () => {
  test('a tool call that is begun anew is an error, not a second name', async () => {
    const seen: unknown[] = [];
    for (let events = 25; events < 40; events++) {
      const lane = await faulty('tool-call-restarted', { events, how: 'reset' });
      const { error } = await readAll(options(lane.url, 'tool'));
      if (error === undefined) continue;
      seen.push(error);
      expect(error).toMatchObject({
        problem: 'stitch-broken',
        message: expect.stringContaining('begun anew') as string,
      });
    }
    expect(seen.length).toBeGreaterThan(2);
  });
});

describe('an end that is not that of the message', () => {
  test('attempts are bounded, and what was read is in the error', async () => {
    const plan = Array.from({ length: 9 }, () => ({ events: 4, how: 'reset' }) as const);
    const lane = broken(...plan);
    const { events, error, text } = await readAll(options(lane.url, 'add', { attempts: 4 }));
    expect(error).toMatchObject({ problem: 'attempts-spent', code: 'target' });
    expect(lane.bodies).toHaveLength(4);
    expect(events.filter(({ kind }) => kind === 'attempt')).toHaveLength(4);
    expect(events.filter(({ kind }) => kind === 'cut')).toHaveLength(4);
    expect(text).not.toBe('');
    expect(error instanceof ResumeError ? error.view.reasoning : undefined).toBe(text);
  });

  test('a server that says no is believed at once, in its own words', async () => {
    const lane = await faulty('prefill-refused', { events: 12, how: 'reset' });
    const { error, events } = await readAll(options(lane.url, 'add'));
    expect(error).toMatchObject({
      problem: 'refused',
      message: expect.stringContaining('Assistant response prefill is incompatible') as string,
    });
    expect(events.filter(({ kind }) => kind === 'cut')).toHaveLength(1);
  });

  test('a server that is gone for good is told, attempt by attempt', async () => {
    const server = await startReference();
    const proxy = await startFlaky(server.url);
    const lane = proxy.lane();
    lane.plan = [{ events: 12, how: 'reset' }];
    const events: ResumeEvent[] = [];
    const reading = (async () => {
      for await (const event of resume(options(lane.url, 'add', { attempts: 3 }))) {
        events.push(event);
        if (event.kind === 'cut' && event.attempt === 1) await proxy.close();
      }
    })();
    await expect(reading).rejects.toMatchObject({ problem: 'attempts-spent' });
    const causes = events.flatMap((event) => (event.kind === 'cut' ? [event.cause] : []));
    expect(causes).toEqual(['disconnect', 'no-answer', 'no-answer']);
    await server.close();
  });

  test('an abort ends it, in a stream and while waiting', async () => {
    for (const how of ['stream', 'wait'] as const) {
      const stop = new AbortController();
      const lane = broken({ events: 4, how: 'http-503' }, { events: 9, how: 'stall' });
      const given = { signal: stop.signal, waitMs: how === 'wait' ? 20_000 : 1, stallMs: 20_000 };
      const reading = (async () => {
        for await (const event of resume(options(lane.url, 'add', given)))
          if (event.kind === (how === 'wait' ? 'cut' : 'delta')) setTimeout(() => stop.abort(), 20);
      })();
      const started = performance.now();
      await expect(reading).rejects.toMatchObject({ code: 'interrupted' });
      expect(performance.now() - started).toBeLessThan(5000);
    }
  });

  test('leaving the loop closes the connection', async () => {
    const server = await startReference({ tokenDelayMs: 20 });
    onTestFinished(() => server.close());
    const proxy = await startFlaky(server.url);
    onTestFinished(() => proxy.close());
    const lane = proxy.lane();
    for await (const event of resume(options(lane.url, 'add'))) if (event.kind === 'delta') break;
    const { passed } = lane;
    await sleep(300);
    expect(lane.passed).toBeLessThan(passed + 5);
  });
});

describe('recipes', () => {
  test('the JSON that probe prints is one', async () => {
    const probed = {
      recipe: 'reasoning-field/start-over',
      layer: 'probed',
      exact: { cuts: 9, of: 9 },
    };
    const lane = broken({ events: 30, how: 'reset' });
    const { finish } = await read(options(lane.url, 'add', { recipe: probed }));
    expect(finish).toBe('stop');
  });

  test.each<[Recipe, RegExp]>([
    [{}, /found no recipe/],
    ['token-ids', /does not resume a chat/],
    ['raw-text', /does not resume a chat/],
    ['thinking-only', /thinking-only/],
    ['reasoning', /no strategy "reasoning"/],
  ])('%j cannot be used, and nothing is sent', async (recipe, message) => {
    const lane = broken();
    const { error, events } = await readAll(options(lane.url, 'add', { recipe }));
    expect(error).toBeInstanceOf(SeamstressError);
    expect(error).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message) as string,
    });
    expect(events).toEqual([]);
    expect(lane.bodies).toEqual([]);
  });
});
