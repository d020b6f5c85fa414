/** `resume()` over servers that break often: the embedded one, and the newest real llama.cpp. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probeTarget, type ProbeResult } from '../../src/campaign/probe.ts';
import { startFlaky, type Flaky } from '../../src/client/flaky.test-help.ts';
import { resumeMany, type Many, type ManyResult } from '../../src/client/many.test-help.ts';
import { llamacpp } from '../../src/dialects/llamacpp.ts';
import { parseEngine, startEngine, type RunningEngine } from '../../src/engines/engine.ts';
import { startReference } from '../../src/reference/server.ts';
import { loadScenarios } from '../../src/scenario/load.ts';

test('the embedded server: 1,000 generations, ten cuts each, in all phases, every one equal', async () => {
  const reference = await startReference();
  const flaky = await startFlaky(reference.url);
  try {
    const result = await resumeMany(flaky, {
      scenarios: await loadScenarios([]),
      recipe: 'reasoning-field',
      generations: 1000,
      cuts: 10,
      seed: 66_720,
      lanes: 4,
    });
    expect(result.wrong).toEqual([]);
    expect(result).toMatchObject({ equal: 1000, refused: {}, cutsMade: 10_000 });
    for (const phase of ['opening', 'reasoning', 'content', 'tool-call'] as const)
      expect(result.cuts[phase]).toBeGreaterThan(50);
  } finally {
    await flaky.close();
    await reference.close();
  }
}, 900_000);

describe('the newest llama.cpp, by the recipe that probe finds', () => {
  let engine: RunningEngine;
  let flaky: Flaky;
  let found: ProbeResult;

  beforeAll(async () => {
    const { signal } = new AbortController();
    engine = await startEngine(parseEngine('llama.cpp'), { signal, progress: () => {} });
    flaky = await startFlaky(engine.url);
    const target = await llamacpp.connect({ url: engine.url }, signal);
    const scenario = (await loadScenarios([])).find(({ id }) => id === 'thinking');
    if (scenario === undefined) throw new Error('no scenario');
    found = await probeTarget(target, scenario, undefined, signal);
    await target.close();
  });
  afterAll(async () => {
    await flaky.close();
    await engine.stop();
  });

  /** What no text can say again is refused, and a tool call is by this server's own word. */
  const KNOWN = new Set([
    'space-run',
    'Cannot continue an assistant message that contains tool calls.',
  ]);

  test('48 generations, five cuts each: equal, or refused before anything is generated', async () => {
    const result = await many({});
    expect(result.wrong).toEqual([]);
    for (const why of Object.keys(result.refused)) expect(KNOWN).toContain(why);
    const refused = Object.values(result.refused).reduce((sum, n) => sum + n, 0);
    expect(result.equal + refused).toBe(48);
    expect(result.equal).toBeGreaterThan(36);
    for (const phase of ['opening', 'reasoning', 'content'] as const)
      expect(result.cuts[phase]).toBeGreaterThan(10);
  });

  test('the same without tools, giving up some tokens where the prompt differs: every one equal', async () => {
    const scenarios = (await loadScenarios([])).filter(({ tools }) => tools.length === 0);
    const result = await many({ scenarios, rewind: 12 });
    expect(result).toMatchObject({ equal: 48, refused: {}, wrong: [], cutsMade: 240 });
  });

  test('tool calls, sent back as the text that the model wrote: this server begins the call anew, which is never stitched', async () => {
    const scenarios = (await loadScenarios([])).filter(({ tools }) => tools.length > 0);
    const recipe = `${found.recipe}/tool-text`;
    const result = await many({ scenarios, recipe, rewind: 12, generations: 16 });
    for (const line of result.wrong) expect(line).toContain('begun anew');
    expect(result.equal + result.wrong.length).toBe(16);
    expect(result.equal).toBeGreaterThan(2);
  });

  async function many(more: Partial<Many>): Promise<ManyResult> {
    const scenarios = await loadScenarios([]);
    const recipe = found.recipe ?? '';
    const plan = { scenarios, recipe, generations: 48, cuts: 5, seed: 3, lanes: 1 };
    return await resumeMany(flaky, { ...plan, ...more });
  }
});
