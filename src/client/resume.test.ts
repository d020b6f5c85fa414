import { expect, test } from 'vitest';
import { startReference } from '../reference/server.ts';
import { loadScenarios } from '../scenario/load.ts';
import { startFlaky } from './flaky.test-help.ts';
import { resumeMany } from './many.test-help.ts';

test('many', async () => {
  const reference = await startReference();
  const flaky = await startFlaky(reference.url);
  const t = Date.now();
  const result = await resumeMany(flaky, { target: reference.url, scenarios: await loadScenarios([]), recipe: 'reasoning-field', generations: 40, cuts: 10, seed: 1, lanes: 1 });
  console.log(JSON.stringify(result, undefined, 1).slice(0, 6000), Date.now() - t);
  await flaky.close(); await reference.close();
  expect(result.wrong).toEqual([]);
});
