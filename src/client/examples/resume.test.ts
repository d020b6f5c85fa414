import { expect, test } from 'vitest';
import { llamacpp, loadScenarios, probeTarget, resume, startReference } from '../../index.ts';

test('a message that goes on after a cut', async () => {
  const server = await startReference(); // in its place: a server of yours
  const { signal } = new AbortController();
  const target = await llamacpp.connect({ url: server.url }, signal);
  const scenarios = await loadScenarios(['thinker']);
  const short = scenarios.find(({ id }) => id === 'thinking');
  if (short === undefined) throw new Error('the pack has changed');

  // Once a server: how does it resume? The same as `seamstress probe --json`.
  const recipe = await probeTarget(target, short, undefined, signal);

  let text = '';
  const cuts: string[] = [];
  const stream = resume({
    target,
    recipe,
    messages: [{ role: 'user', content: 'Add 478 and 256.' }],
    maxTokens: 512,
    tokensPerAttempt: 40, // a server that stops too early
  });
  for await (const event of stream) {
    if (event.kind === 'delta') text += event.content ?? '';
    if (event.kind === 'cut') cuts.push(`${event.cause} in ${event.phase}: ${event.detail}`);
    if (event.kind === 'finished') expect(event.finish).toBe('stop');
  }

  expect(text).toContain('The sum of 478 and 256 is **734**.');
  expect(cuts[0]).toBe('token-limit in reasoning: stopped after 40 tokens');
  await target.close();
  await server.close();
}, 120_000);
