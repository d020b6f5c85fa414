/** Resumes by other APIs, as whole answers and by replay, over real HTTP against the personas. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { JudgedSeam } from '../checks/seam.ts';
import { connect } from '../dialects/registry.ts';
import type { Target } from '../dialects/dialect.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import { llamacpp, llamacppApril } from '../reference/personas/llamacpp.ts';
import type { Persona } from '../reference/personas/persona.ts';
import { vllm, vllmScaleOut } from '../reference/personas/vllm.ts';
import { startReference } from '../reference/server.ts';
import { loadScenarios } from '../scenario/load.ts';
import { phaseAt, type Phase } from '../seam/generation.ts';
import { strategiesNamed } from '../seam/named.ts';
import { makeSubject, type Subject } from '../seam/subject.ts';
import { TapeWriter } from '../tape/file.ts';
import type { TapeHeader } from '../tape/header.ts';
import { TapePlayer } from '../tape/player.ts';
import { TapedTarget } from '../tape/target.ts';
import { Controls } from './controls.ts';
import { possibleStrategies } from './judge-text.ts';
import { Judge } from './judge.ts';

const { signal } = new AbortController();
const COMPARE = 12;

async function opened(persona: Persona): Promise<Target> {
  const server = await startReference({ persona });
  const target = await connect(undefined, { url: server.url }, signal);
  onTestFinished(async () => {
    await target.close();
    await server.close();
  });
  return target;
}

async function subjectOf(target: Target, id: string): Promise<Subject> {
  const scenario = (await loadScenarios([])).find((one) => one.id === id);
  if (scenario === undefined) throw new Error(`no scenario ${id}`);
  return await makeSubject(target, scenario, signal);
}

/** The middle cut of a phase. */
function inside({ generation }: Subject, phase: Phase): number {
  const cuts = Array.from({ length: generation.length }, (_, k) => k + 1).filter(
    (k) => phaseAt(generation, k) === phase,
  );
  return cuts[Math.floor(cuts.length / 2)] ?? 0;
}

type Ask = { readonly resume?: 'none' | 'never' | 'whole' | number };

async function judged(
  target: Target,
  subject: Subject,
  strategy: string,
  k: number,
  { resume = COMPARE }: Ask = {},
): Promise<JudgedSeam> {
  const controls = new Controls(target, COMPARE, signal);
  controls.addRepeat(subject);
  const judge = new Judge(target, controls, { compare: COMPARE, signal });
  const [named] = strategiesNamed([strategy]);
  if (named === undefined) throw new Error(`no strategy ${strategy}`);
  return await judge.judge({ subject, strategy: named, k, way: 'disconnect', resume });
}

describe('by another API', () => {
  test.each(['messages', 'messages+flags', 'responses', 'responses+flags'])(
    'llama.cpp goes on, whatever is said: %s',
    async (strategy) => {
      const target = await opened(llamacpp);
      const subject = await subjectOf(target, 'add');
      const seam = await judged(target, subject, strategy, inside(subject, 'reasoning'));
      expect(seam).toMatchObject({ verdict: 'exact', basis: ['prompt', 'continuation', 'shape'] });
      expect(seam.prompt).toBeUndefined();
      expect(seam.promptCount).toMatchObject({ agrees: true });
      expect(seam.continuation?.compared).toBeGreaterThan(COMPARE / 2);
    },
  );

  test('a resume to the end states how it ended', async () => {
    const target = await opened(llamacpp);
    // The empty block before the content is what a prompt without thinking ends with.
    const subject = await subjectOf(target, 'no-thinking');
    const k = inside(subject, 'content');
    for (const strategy of ['messages', 'responses'])
      expect(await judged(target, subject, strategy, k, { resume: 'whole' })).toMatchObject({
        verdict: 'exact',
        answer: { finish: 'stop' },
      });
  });

  test('what a prompt lacks is seen by its length: the header that an empty message takes away', async () => {
    const target = await opened(llamacpp);
    const seam = await judged(target, await subjectOf(target, 'add'), 'messages', 0);
    expect(seam.verdict).toBe('diverged');
    expect(seam.promptCount?.actual).toBeLessThan(seam.promptCount?.base ?? 0);
    expect(diagnose(seam)).toEqual({ cause: 'prompt-count-differs', detail: 'fewer' });
  });

  test('a text of no characters is a message: the thought is closed before it', async () => {
    const target = await opened(llamacpp);
    const seam = await judged(target, await subjectOf(target, 'add'), 'responses', 0);
    expect(diagnose(seam)).toEqual({ cause: 'prompt-count-differs', detail: 'more' });
  });

  test('an unfinished tool call is refused', async () => {
    const target = await opened(llamacpp);
    const subject = await subjectOf(target, 'tool');
    for (const strategy of ['messages', 'responses+flags']) {
      const seam = await judged(target, subject, strategy, inside(subject, 'tool-call'));
      expect(seam).toMatchObject({ verdict: 'rejected', refusal: { status: 400 } });
      expect(diagnose(seam).cause).toBe('tool-call-refused');
    }
  });

  test('tool calls are read from either stream', async () => {
    const target = await opened(llamacpp);
    const subject = await subjectOf(target, 'tool');
    const k = inside(subject, 'reasoning');
    for (const strategy of ['messages', 'responses'])
      expect(await judged(target, subject, strategy, k, { resume: 'whole' })).toMatchObject({
        verdict: 'exact',
        answer: { finish: 'tool_calls' },
      });
  });

  test('a server that does not have the API refuses the resume', async () => {
    const target = await opened(llamacppApril);
    const subject = await subjectOf(target, 'add');
    for (const strategy of ['messages', 'responses+flags']) {
      const seam = await judged(target, subject, strategy, inside(subject, 'content'));
      expect(seam).toMatchObject({ verdict: 'rejected', refusal: { status: 404 } });
      expect(diagnose(seam).cause).toBe('route-missing');
    }
  });

  test('vLLM closes the turn of a trailing message in silence, flags or not', async () => {
    const target = await opened(vllm);
    const subject = await subjectOf(target, 'add');
    for (const strategy of ['messages', 'messages+flags', 'responses']) {
      const seam = await judged(target, subject, strategy, inside(subject, 'reasoning'));
      expect([strategy, seam.verdict]).toEqual([strategy, 'diverged']);
      expect(seam.promptCount?.actual).toBeGreaterThan(seam.promptCount?.most ?? Infinity);
      expect(['answered-anew', 'prompt-count-differs']).toContain(diagnose(seam).cause);
    }
  });

  test('a prompt that is not shown cannot be judged without a generation', async () => {
    const target = await opened(vllm);
    const subject = await subjectOf(target, 'add');
    const seam = await judged(target, subject, 'messages', 20, { resume: 'never' });
    expect(seam).toMatchObject({ verdict: 'error', error: expect.stringContaining('messages') });
  });

  test('where the server renders the API, the prompt is judged id by id', async () => {
    const target = await opened(vllmScaleOut);
    const subject = await subjectOf(target, 'add');
    const k = inside(subject, 'reasoning');
    const closed = await judged(target, subject, 'messages+flags', k);
    expect(closed.promptCount).toBeUndefined();
    expect(diagnose(closed).cause).toBe('turn-reopened');
    const thought = await judged(target, subject, 'responses+flags', k);
    expect(diagnose(thought).cause).toBe('thinking-closed-early');
    const plain = await subjectOf(target, 'no-thinking');
    const inContent = inside(plain, 'content');
    const { spending } = target;
    const open = await judged(target, plain, 'responses+flags', inContent, { resume: 'never' });
    const done = await judged(target, plain, 'responses', inContent, { resume: 'never' });
    expect([open.prompt?.agrees, done.prompt?.agrees]).toEqual([true, false]);
    expect(diagnose(done).cause).toBe('turn-reopened');
    expect(target.spending.generatedTokens).toBe(spending.generatedTokens);
  });
});

describe('as a whole answer', () => {
  test('llama.cpp gives prefix and continuation together', async () => {
    const target = await opened(llamacpp);
    const subject = await subjectOf(target, 'add');
    const seam = await judged(
      target,
      subject,
      'reasoning-field/whole',
      inside(subject, 'reasoning'),
    );
    expect(seam).toMatchObject({ verdict: 'diverged', check: 'shape', basis: ['shape'] });
    expect(diagnose(seam).cause).toBe('prefill-echoed');
  });

  test('vLLM gives resumed content as reasoning', async () => {
    const target = await opened(vllm);
    const subject = await subjectOf(target, 'add');
    const k = inside(subject, 'content');
    const seam = await judged(target, subject, 'reasoning-field+flags/whole', k);
    expect(seam).toMatchObject({ verdict: 'diverged', check: 'shape', basis: ['shape'] });
    expect(diagnose(seam).cause).toBe('content-as-reasoning');
  });

  test('where both give the same message, the seam is judged as that of the stream is', async () => {
    const { reference } = await import('../reference/personas/reference.ts');
    const target = await opened(reference);
    const subject = await subjectOf(target, 'add');
    for (const phase of ['reasoning', 'content'] as const) {
      const seam = await judged(target, subject, 'reasoning-field/whole', inside(subject, phase));
      expect(seam).toMatchObject({
        verdict: 'exact',
        basis: ['prompt', 'continuation', 'shape'],
        answer: { request: { body: { stream: false } } },
      });
    }
  });
});

describe('by replay', () => {
  test.each(['reasoning', 'closing', 'content'] as const)(
    'a stream cut in its %s',
    async (phase) => {
      const target = await opened(llamacpp);
      const subject = await subjectOf(target, 'add');
      const k = inside(subject, phase);
      const seam = await judged(target, subject, 'stream-replay', k);
      expect(seam).toMatchObject({ verdict: 'exact', basis: ['continuation', 'shape'] });
      expect(seam.answer?.held).toBe(
        subject.generation.deltas.filter(({ after }) => after <= k).length,
      );
      expect(seam.view).toEqual(subject.views[k]);
    },
  );

  test('a stream cut at its ends and inside a tool call', async () => {
    const target = await opened(llamacpp);
    const subject = await subjectOf(target, 'tool');
    for (const k of [0, 1, inside(subject, 'tool-call'), subject.generation.length])
      expect([k, (await judged(target, subject, 'stream-replay', k)).verdict]).toEqual([
        k,
        'exact',
      ]);
  });

  test('a server that keeps no streams refuses', async () => {
    const target = await opened(llamacppApril);
    const seam = await judged(target, await subjectOf(target, 'add'), 'stream-replay', 5);
    expect(seam).toMatchObject({ verdict: 'rejected', refusal: { status: 404 } });
    expect(diagnose(seam).cause).toBe('replay-missing');
  });

  test.each([
    ['sends it from the beginning', (): number => 0],
    ['loses some of it', (from: number): number => from + 700],
  ])('a replay that %s is found', async (_, start) => {
    const target = await opened(replayingFrom(start));
    const subject = await subjectOf(target, 'add');
    const seam = await judged(target, subject, 'stream-replay', inside(subject, 'reasoning'));
    expect(seam).toMatchObject({ verdict: 'diverged', reruns: 1 });
    expect(diagnose(seam).cause).toMatch(/^(?:replay-differs|stream-garbled)$/);
  });
});

/** A llama.cpp whose replay begins elsewhere. */
function replayingFrom(start: (from: number) => number): Persona {
  return {
    ...llamacpp,
    routes(engine) {
      const routes = llamacpp.routes(engine);
      return {
        ...routes,
        'GET /v1/stream': (exchange) => {
          const query = new URLSearchParams(exchange.query);
          query.set('from', String(start(Number(query.get('from')))));
          return routes['GET /v1/stream']?.({ ...exchange, query });
        },
      };
    },
  };
}

test('a strategy that a dialect does not know is not tested there', async () => {
  const target = await opened(vllm);
  const strategies = strategiesNamed(['messages', 'stream-replay', 'reasoning-field/whole']);
  expect(possibleStrategies(target, strategies).map(({ name }) => name)).toEqual([
    'messages',
    'reasoning-field/whole',
  ]);
  const seam = await judged(target, await subjectOf(target, 'add'), 'stream-replay', 5);
  expect(seam).toMatchObject({ verdict: 'error', error: expect.stringContaining('stream-replay') });
});

test('a tape gives the same verdicts without a server', async () => {
  const live = await opened(llamacpp);
  const subject = await subjectOf(live, 'tool');
  const folder = await mkdtemp(join(tmpdir(), 'seamstress-route-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'tape.bin');
  const writer = new TapeWriter(path);
  const seams: [string, number][] = [
    ['messages', inside(subject, 'reasoning')],
    ['responses', 0],
    ['messages', inside(subject, 'tool-call')],
    ['reasoning-field/whole', inside(subject, 'reasoning')],
    ['stream-replay', inside(subject, 'tool-call')],
  ];
  const all = async (target: Target): Promise<unknown[]> => {
    const said: unknown[] = [];
    for (const [strategy, k] of seams) {
      const seam = await judged(target, subject, strategy, k);
      const { verdict, view, promptCount, shape, refusal, answer } = seam;
      said.push([verdict, view, promptCount, shape, refusal, answer?.deltas, answer?.held]);
    }
    return said;
  };
  const header = { target: live.identity, startedAt: new Date(0).toISOString(), plan: PLAN };
  writer.append(JSON.stringify(header));
  const recorded = await all(new TapedTarget({ live, writer }));
  writer.close();
  expect(await all(new TapedTarget({ player: new TapePlayer([path]) }))).toEqual(recorded);
});

const PLAN: TapeHeader['plan'] = {
  scenarios: [],
  strategies: [],
  lossy: false,
  mode: 'sweep',
  cuts: 'all',
  cases: 0,
  compare: COMPARE,
  seed: 1,
};
