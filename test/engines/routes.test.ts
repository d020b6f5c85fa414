/**
 * The other ways to resume on the real engines, as they are today: `/v1/messages`, `/v1/responses`,
 * whole answers, and llama.cpp's replay of streams.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Controls } from '../../src/campaign/controls.ts';
import { Judge } from '../../src/campaign/judge.ts';
import type { JudgedSeam } from '../../src/checks/seam.ts';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import type { Target } from '../../src/dialects/dialect.ts';
import { connect } from '../../src/dialects/registry.ts';
import { parseEngine, startEngine, type RunningEngine } from '../../src/engines/engine.ts';
import { loadScenarios } from '../../src/scenario/load.ts';
import { phaseAt, type Phase } from '../../src/seam/generation.ts';
import { strategiesNamed } from '../../src/seam/named.ts';
import { sameView } from '../../src/seam/view.ts';
import { makeSubject, type Subject } from '../../src/seam/subject.ts';

const { signal } = new AbortController();
const COMPARE = 12;

/** A real engine, and the generations that its tests cut. */
class Bench {
  readonly #engine: RunningEngine;
  readonly #target: Target;
  readonly #subjects = new Map<string, Subject>();

  private constructor(engine: RunningEngine, target: Target) {
    this.#engine = engine;
    this.#target = target;
  }

  static async of(name: string, scenarios: readonly string[]): Promise<Bench> {
    const engine = await startEngine(parseEngine(name), { signal, progress: () => {} });
    const files = engine.files === undefined ? {} : { files: engine.files };
    const bench = new Bench(
      engine,
      await connect(undefined, { url: engine.url, ...files }, signal),
    );
    for (const scenario of await loadScenarios([]))
      if (scenarios.includes(scenario.id))
        bench.#subjects.set(scenario.id, await makeSubject(bench.#target, scenario, signal));
    return bench;
  }

  async close(): Promise<void> {
    await this.#target.close();
    await this.#engine.stop();
  }

  subject(id: string): Subject {
    const subject = this.#subjects.get(id);
    if (subject === undefined) throw new Error(`no scenario ${id}`);
    return subject;
  }

  /** The middle cut of a phase. */
  inside(id: string, phase: Phase): number {
    const { generation } = this.subject(id);
    const cuts = Array.from({ length: generation.length }, (_, k) => k + 1).filter(
      (k) => phaseAt(generation, k) === phase,
    );
    return cuts[Math.floor(cuts.length / 2)] ?? 0;
  }

  async judged(
    id: string,
    strategy: string,
    k: number,
    resume: 'whole' | number = COMPARE,
  ): Promise<JudgedSeam> {
    const subject = this.subject(id);
    const controls = new Controls(this.#target, COMPARE, signal);
    controls.addRepeat(subject);
    const judge = new Judge(this.#target, controls, { compare: COMPARE, signal });
    const [named] = strategiesNamed([strategy]);
    if (named === undefined) throw new Error(`no strategy ${strategy}`);
    return await judge.judge({ subject, strategy: named, k, way: 'disconnect', resume });
  }
}

describe('llama.cpp b11549', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.of('llama.cpp@2026.10.11549', ['add', 'emoji', 'tool']);
  });
  afterAll(() => bench?.close());

  test.each(['messages', 'messages+flags', 'responses', 'responses+flags'])(
    '%s goes on unasked in the thinking, and rebuilds what stands around its end',
    async (strategy) => {
      for (const phase of ['reasoning', 'closing'] as const) {
        const seam = await bench.judged('add', strategy, bench.inside('add', phase));
        expect([phase, seam.verdict]).toEqual([phase, 'exact']);
        expect(seam.promptCount).toMatchObject({ agrees: true });
      }
      // Two line breaks of the closing tag become one token, and the sums are no longer aligned.
      const seam = await bench.judged('add', strategy, bench.inside('add', 'content'));
      const { actual = 0, least = 0 } = seam.promptCount ?? {};
      expect([actual - least, seam.verdict]).toEqual([-1, 'diverged']);
      expect(diagnose(seam)).toEqual({ cause: 'prompt-count-differs', detail: 'fewer' });
    },
  );

  test('an empty message: /v1/messages loses the header, /v1/responses gets a closed thought', async () => {
    const details = [];
    for (const strategy of ['messages', 'responses'])
      details.push(diagnose(await bench.judged('add', strategy, 0)));
    expect(details).toEqual([
      { cause: 'prompt-count-differs', detail: 'fewer' },
      { cause: 'prompt-count-differs', detail: 'more' },
    ]);
  });

  test.each(['messages', 'responses+flags'])('%s refuses an open tool call', async (strategy) => {
    const seam = await bench.judged('tool', strategy, bench.inside('tool', 'tool-call'));
    expect([seam.verdict, diagnose(seam).cause]).toEqual(['rejected', 'tool-call-refused']);
  });

  test('a whole answer holds the prefill again', async () => {
    for (const phase of ['reasoning', 'content'] as const) {
      const seam = await bench.judged('add', 'reasoning-field/whole', bench.inside('add', phase));
      expect([seam.verdict, diagnose(seam).cause]).toEqual(['diverged', 'prefill-echoed']);
    }
  });

  test('the replay of a stream is exact wherever it is cut', async () => {
    const cuts: [string, number][] = [
      ...(['opening', 'reasoning', 'closing', 'content'] as const).map(
        (phase): [string, number] => ['add', bench.inside('add', phase)],
      ),
      ['add', 0],
      ['add', bench.subject('add').generation.length],
      ['emoji', bench.inside('emoji', 'content')],
      ['tool', bench.inside('tool', 'tool-call')],
    ];
    for (const [id, k] of cuts) {
      const seam = await bench.judged(id, 'stream-replay', k);
      expect([id, k, seam.verdict, seam.shape?.problem]).toEqual([id, k, 'exact', undefined]);
      const derived = bench.subject(id).views[k];
      expect(derived !== undefined && sameView(seam.view, derived)).toBe(true);
    }
  });
});

test('llama.cpp b8929 has none of it but /v1/messages, which it refuses as its chat does', async () => {
  const bench = await Bench.of('llama.cpp@2026.4.8929', ['add']);
  try {
    const k = bench.inside('add', 'content');
    const said: unknown[] = [];
    for (const strategy of ['messages', 'stream-replay']) {
      const seam = await bench.judged('add', strategy, k);
      said.push([seam.verdict, diagnose(seam).cause]);
    }
    expect(said).toEqual([
      ['rejected', 'prefill-refused-thinking'],
      ['rejected', 'replay-missing'],
    ]);
  } finally {
    await bench.close();
  }
});

describe('vLLM 0.32', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.of('vllm@0.32.0', ['add', 'no-thinking']);
  });
  afterAll(() => bench?.close());

  test.each(['messages', 'messages+flags', 'responses'])(
    '%s closes the turn in silence',
    async (strategy) => {
      for (const phase of ['reasoning', 'content'] as const) {
        const seam = await bench.judged('add', strategy, bench.inside('add', phase));
        expect([phase, seam.verdict]).toEqual([phase, 'diverged']);
        // vLLM is started so that it renders every API's requests.
        expect([phase, diagnose(seam).cause]).toEqual([phase, 'turn-reopened']);
      }
    },
  );

  test('an item that is in progress is gone on with', async () => {
    const k = bench.inside('no-thinking', 'content');
    const seam = await bench.judged('no-thinking', 'responses+flags', k);
    expect(seam.shape).toMatchObject({ problem: undefined });
  });

  test('content of a whole answer comes back as reasoning', async () => {
    const k = bench.inside('add', 'content');
    const seam = await bench.judged('add', 'reasoning-field+flags/whole', k);
    expect([seam.verdict, diagnose(seam).cause]).toEqual(['diverged', 'content-as-reasoning']);
  });
});
