import { describe, expect, test } from 'vitest';
import type { Answer, Completion } from '../dialects/dialect.ts';
import { FakeTarget, THINKING } from '../seam/fixtures.test-help.ts';
import { Controls } from './controls.ts';
import { freshState } from './make-record.ts';
import { confirmViews } from './realCuts.ts';
import type { CampaignOptions } from './run.ts';
import { Shelf } from './shelf.ts';
import { makeSubjects, runTokenControls } from './subjects.ts';

const { signal } = new AbortController();

/** Notes what is under way beside each exchange. */
class Watched extends FakeTarget {
  readonly sharedCache: boolean;
  /** For each exchange, how many others of both kinds began before it ended. */
  readonly beside: { kind: 'chat' | 'complete'; chats: number; completes: number }[] = [];
  readonly #active = { chat: 0, complete: 0 };

  constructor(sharedCache: boolean) {
    super(THINKING);
    this.sharedCache = sharedCache;
  }

  override async chat(...args: Parameters<FakeTarget['chat']>): Promise<Answer> {
    return await this.#watch('chat', () => super.chat(...args));
  }

  override async complete(...args: Parameters<FakeTarget['complete']>): Promise<Completion> {
    return await this.#watch('complete', () => super.complete(...args));
  }

  async #watch<T>(kind: 'chat' | 'complete', send: () => Promise<T>): Promise<T> {
    this.#active[kind]++;
    await new Promise((resolve) => setTimeout(resolve, 3));
    const { chat: chats, complete: completes } = this.#active;
    this.beside.push({ kind, chats, completes });
    const result = await send();
    this.#active[kind]--;
    return result;
  }
}

const scenarios = Array.from({ length: 5 }, (_, i) => ({ ...THINKING.scenario, id: `sum-${i}` }));

async function shelfOf(target: FakeTarget): Promise<Shelf> {
  const shelf = new Shelf();
  const controls = new Controls(target, 24, signal);
  // Only what these functions read.
  const options = { scenarios, concurrency: 3 } as unknown as CampaignOptions;
  await makeSubjects(target, options, signal, controls, freshState(), () => {}, shelf);
  return shelf;
}

describe('the generations of a campaign', () => {
  test('stand in the order of the scenarios', async () => {
    for (const shared of [true, false]) {
      const shelf = await shelfOf(new Watched(shared));
      expect([...shelf].map(({ generation }) => generation.scenario.id)).toEqual(
        scenarios.map(({ id }) => id),
      );
    }
  });

  test('are streamed while nothing else is under way', async () => {
    const target = new Watched(true);
    await shelfOf(target);
    const chats = target.beside.filter(({ kind }) => kind === 'chat');
    expect(chats).toHaveLength(scenarios.length);
    for (const { chats: streams, completes } of chats) expect([streams, completes]).toEqual([1, 0]);
    expect(Math.max(...target.beside.map(({ completes }) => completes))).toBeGreaterThan(1);
  });

  test('are made one after the other where one would cool the cache of another', async () => {
    const target = new Watched(false);
    await shelfOf(target);
    expect(target.beside.map(({ kind }) => kind).slice(0, 4)).toEqual([
      'chat',
      'complete',
      'complete',
      'chat',
    ]);
    for (const { chats, completes } of target.beside) expect(chats + completes).toBe(1);
  });
});

test('the token controls of a generation make it once more, between them', async () => {
  const target = new FakeTarget(THINKING);
  const shelf = await shelfOf(target);
  const before = target.completions.length;
  const options = { seed: 1, compare: 24, concurrency: 3 };
  await runTokenControls(shelf, options, new Controls(target, 24, signal));
  const controls = target.completions.slice(before);
  const base = THINKING.promptIds.length;
  for (const n of scenarios.keys()) {
    const own = controls.slice(n * 8, n * 8 + 8);
    let reached = own[0]!.prompt.length - base;
    for (const { prompt, sampling } of own) {
      expect(prompt.length - base).toBe(reached);
      reached += sampling.maxTokens;
    }
    expect(reached).toBe(THINKING.tokens.length);
  }
});

test('a connection is closed for real while nothing else is under way', async () => {
  const target = new Watched(true);
  const shelf = await shelfOf(target);
  target.beside.length = 0;
  const options = { compare: 24, concurrency: 3, seed: 1, lossy: false };
  const { tried, asDerived } = await confirmViews(target, shelf, [], options, signal);
  expect([tried, asDerived]).toEqual([3 * scenarios.length, 3 * scenarios.length]);
  const [alone, others] = [target.beside.slice(0, 5), target.beside.slice(5)];
  for (const { chats } of alone) expect(chats).toBe(1);
  expect(Math.max(...others.map(({ chats }) => chats))).toBe(3);
});

test('where prompts alone are compared one cut a scenario is really made, of each way in turn', async () => {
  const target = new FakeTarget(THINKING);
  const shelf = await shelfOf(target);
  const before = target.chats.length;
  const options = { compare: 0, concurrency: 3, seed: 1, lossy: false };
  const { tried, asDerived } = await confirmViews(target, shelf, [], options, signal);
  expect([tried, asDerived]).toEqual([5, 5]);
  const ways = target.chats
    .slice(before)
    .map(({ sampling: { stop, maxTokens } }) =>
      stop !== undefined ? 'stop' : maxTokens < THINKING.scenario.maxTokens ? 'limit' : 'closed',
    );
  expect(ways.toSorted()).toEqual(['closed', 'closed', 'limit', 'limit', 'stop']);
});

describe('a cut stream that ends with a text of its own', () => {
  /** Puts markup behind what a stop string ended: always, or the first time that it does. */
  class Leaking extends FakeTarget {
    readonly #always: boolean;
    #leaks = 0;

    constructor(always: boolean) {
      super(THINKING);
      this.#always = always;
    }

    override async chat(...args: Parameters<FakeTarget['chat']>): Promise<Answer> {
      const answer = await super.chat(...args);
      if (args[1].stop === undefined || (this.#leaks++ > 0 && !this.#always)) return answer;
      const after = answer.deltas.at(-1)?.after ?? 0;
      return { ...answer, deltas: [...answer.deltas, { after, content: '<tool_c' }] };
    }
  }

  test.each([
    [true, /^sum-\d, stop-string after \d+ tokens: twice the client was given what .*: content “/],
    [false, /^sum-\d, stop-string after \d+ tokens: the run that was cut is another one/],
  ])('each time: %s', async (always, says) => {
    const target = new Leaking(always);
    const shelf = await shelfOf(target);
    const options = { compare: 0, concurrency: 1, seed: 1, lossy: false };
    const { tried, asDerived, trouble, seams } = await confirmViews(
      target,
      shelf,
      [],
      options,
      signal,
    );
    expect([tried, asDerived, seams]).toEqual([5, 4, []]);
    expect(trouble).toEqual([expect.stringMatching(says)]);
    if (always) expect(trouble[0]).toContain('<tool_c”, where it has “');
  });
});
