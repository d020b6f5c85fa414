/** `resume()` over servers that break often: the embedded one, and the newest real llama.cpp. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probeTarget, type Capabilities } from '../../src/campaign/probe.ts';
import { startFlaky, type Flaky } from '../../src/client/flaky.test-help.ts';
import { resumeMany } from '../../src/client/many.test-help.ts';
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
  let found: Capabilities;

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

  test('48 generations, five cuts each: equal, or refused for a reason that no text can mend', async () => {
    const recipe = found.recipe ?? '';
    const result = await resumeMany(flaky, {
      scenarios: await loadScenarios([]),
      recipe,
      generations: 48,
      cuts: 5,
      seed: 3,
      lanes: 1,
    });
    console.log(JSON.stringify({ recipe, ...result }));
    expect(result.wrong).toEqual([]);
    expect(result.equal).toBeGreaterThan(20);
    expect(result.equal + Object.values(result.refused).reduce((sum, n) => sum + n, 0)).toBe(48);
  });

  test('the same, giving up some tokens where the prompt differs', async () => {
    const recipe = found.recipe ?? '';
    const result = await resumeMany(flaky, {
      scenarios: await loadScenarios([]),
      recipe,
      generations: 48,
      cuts: 5,
      seed: 3,
      lanes: 1,
      rewind: 12,
    });
    console.log(JSON.stringify({ recipe, ...result }));
    expect(result.wrong).toEqual([]);
    expect(result.equal).toBeGreaterThan(40);
  });
});
