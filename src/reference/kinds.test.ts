import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KINDS, knownScript, type Script } from './kinds.ts';

interface Sample {
  readonly kind: string;
  readonly prompt: string;
  readonly reasoning: string;
  readonly content: string;
}

/** Drawn from the corpus's own program, three of each kind. */
const SAMPLES = JSON.parse(
  readFileSync(new URL('corpus-samples.json', import.meta.url), 'utf8'),
) as Sample[];

function written(script: Script | undefined): { reasoning: string; content: string } | undefined {
  if (script === undefined) return undefined;
  const calls = (script.calls ?? []).map(
    (call) => `<tool_call>\n{"name": "${call.name}", "arguments": ${call.arguments}}\n</tool_call>`,
  );
  return { reasoning: script.reasoning, content: script.content + calls.join('\n') };
}

test('there is a sample of every kind', () => {
  expect(new Set(SAMPLES.map((sample) => sample.kind)).size).toBe(KINDS.length);
});

test.each(SAMPLES)('$prompt', ({ prompt, reasoning, content }) => {
  expect(written(knownScript(prompt))).toEqual({ reasoning, content });
});

test.each([
  'List these fruits with emoji: apple, durian.',
  'Add 1 and 2',
  'Give JSON for Bo, 20, Rome.',
])('not a known prompt: %s', (prompt) => {
  expect(knownScript(prompt)).toBeUndefined();
});
