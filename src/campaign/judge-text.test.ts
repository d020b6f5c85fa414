import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ConnectOptions, Target } from '../dialects/dialect.ts';
import { connect, dialectNamed } from '../dialects/registry.ts';
import { parseFault } from '../reference/faults.ts';
import { personaNamed } from '../reference/personas/catalogue.ts';
import { startReference } from '../reference/server.ts';
import { loadScenarios } from '../scenario/load.ts';
import { strategiesNamed } from '../seam/named.ts';
import { STRATEGIES } from '../seam/strategy.ts';
import { makeSubject } from '../seam/subject.ts';
import { loadTokenizer } from '../tokens/tokenizer.ts';
import { Budget, withBudget } from './budget.ts';
import { Controls } from './controls.ts';
import { judgeFor, possibleStrategies } from './judge-text.ts';
import { Ledger } from './ledger.ts';
import { batchesOf, judgeAll, planSweep } from './sweep.ts';

const { signal } = new AbortController();
const COMPARE = 12;

/** A target for a persona, closed when the test ends. */
async function targetOf(
  persona: string,
  dialect: string,
  more: Partial<ConnectOptions> & { readonly fault?: string } = {},
): Promise<Target> {
  const { fault } = more;
  const server = await startReference({
    persona: await personaNamed(persona),
    faults: fault === undefined ? [] : [parseFault(fault)],
  });
  const target = await connect(
    dialectNamed(dialect),
    { url: server.url, model: 'thinker', ...more },
    signal,
  );
  onTestFinished(async () => {
    await target.close();
    await server.close();
  });
  return target;
}

/** Sweeps one scenario; what was found, as `cause/strategy`, and the verdicts. */
async function sweep(
  target: Target,
  scenario: string,
  cuts: number,
  stop: AbortSignal = signal,
): Promise<{ verdicts: Record<string, number>; found: string[]; requests: number }> {
  const all = await loadScenarios(['thinker']);
  const chosen = all.find(({ id }) => id === scenario);
  if (chosen === undefined) throw new Error(`no scenario ${scenario}`);
  const subject = await makeSubject(target, chosen, signal);
  const controls = new Controls(target, COMPARE, stop);
  controls.addRepeat(subject);
  controls.freeze();
  const before = target.spending.requests;
  const strategies = possibleStrategies(target, strategiesNamed([]));
  const { seams } = planSweep(subject, {
    strategies,
    lossy: false,
    cuts,
    compare: COMPARE,
    seed: 1,
  });
  const found = new Set<string>();
  const ledger = new Ledger(
    (line) => {
      if (line.cause !== undefined)
        found.add(`${line.cause}${line.detail === '' ? '' : ` ${line.detail}`}/${line.strategy}`);
    },
    () => undefined,
  );
  await judgeAll(
    batchesOf(seams),
    judgeFor(target, controls, { compare: COMPARE, signal: stop }),
    4,
    (seam) => ledger.enter(seam),
  );
  expect(ledger.tally.errors).toEqual([]);
  const verdicts = Object.fromEntries(
    Object.entries(ledger.tally.verdicts).filter(([, count]) => count > 0),
  );
  return { verdicts, found: [...found].toSorted(), requests: target.spending.requests - before };
}

/** Causes and strategies that the documented behaviour of each server leads to. */
const MATRIX: readonly (readonly [
  persona: string,
  dialect: string,
  model: string,
  scenario: string,
  found: readonly string[],
])[] = [
  [
    'anthropic',
    'anthropic',
    'claude-sonnet-4-5',
    'fruits',
    ['whitespace-refused/content-only', 'whitespace-refused/reasoning-field'],
  ],
  [
    'anthropic-4.6',
    'anthropic',
    'claude-opus-4-6',
    'fruits',
    ['prefill-unsupported/content-only', 'prefill-unsupported/reasoning-field'],
  ],
  [
    'deepseek',
    'deepseek',
    'deepseek-reasoner',
    'fruits',
    ['flags-refused/content-only', 'flags-refused/reasoning-field'],
  ],
  [
    'mistral',
    'mistral',
    'magistral-medium-latest',
    'fruits',
    [
      'flags-refused/content-only',
      'flags-refused/reasoning-field',
      'prefill-echoed/reasoning-field+flags',
    ],
  ],
  [
    'kimi',
    'kimi',
    'kimi-k2-thinking',
    'fruits',
    ['prompt-count-differs more/content-only', 'prompt-count-differs more/reasoning-field'],
  ],
  ['openrouter', 'openrouter', 'qwen/qwen3-32b', 'fruits', []],
  [
    'openrouter',
    'openrouter',
    'anthropic/claude-opus-4.6',
    'fruits',
    ['prefill-unsupported/content-only', 'prefill-unsupported/reasoning-field'],
  ],
  ['lmstudio', 'lmstudio', 'thinker', 'fruits', ['prefill-echoed/reasoning-field']],
  ['ollama', 'ollama', 'thinker', 'fruits', ['trailing-whitespace-trimmed/reasoning-field']],
  ['ollama', 'ollama-openai', 'thinker', 'fruits', ['text-differs/reasoning-field']],
  // llama.cpp's own API, as one that is not recognised as such.
  ['reference', 'openai-compatible', 'thinker', 'fruits', []],
];

describe('a sweep finds what is documented, and nothing else', () => {
  test.each(MATRIX)(
    '%s by %s, %s',
    async (persona, dialect, model, scenario, expected) => {
      const target = await targetOf(persona, dialect, { model });
      expect(target.identity.strength?.oracle).toBe(
        dialect === 'ollama' ? 'prompt-text' : 'prompt-count',
      );
      const { found, verdicts } = await sweep(target, scenario, 14);
      expect({ found, verdicts }).toEqual({
        found: expected,
        verdicts: expect.anything() as object,
      });
      const failing = expected.length > 0;
      expect((verdicts['diverged'] ?? 0) + (verdicts['rejected'] ?? 0) > 0).toBe(failing);
    },
    60_000,
  );
});

/** The causes that a sweep of the embedded server with a fault names. */
async function causesOf(fault: string): Promise<string[]> {
  const target = await targetOf('reference', 'openai-compatible', { fault });
  return (await sweep(target, 'fruits', 10)).found.map((line) => line.replace(/\/.*/, ''));
}

describe('planted faults, seen by text and counts alone', () => {
  test.each([
    ['prefill-dropped', 'prefill-dropped'],
    ['reasoning-lost', 'reasoning-dropped'],
    ['turn-closed', 'prompt-count-differs more'],
    ['prefill-echoed', 'prefill-echoed'],
    ['content-as-reasoning', 'content-as-reasoning'],
    ['connection-reset', 'stream-reset'],
    ['prefill-refused', 'prefill-refused-thinking'],
  ])(
    '%s is %s',
    async (fault, cause) => {
      expect(await causesOf(fault)).toContain(cause);
    },
    60_000,
  );
});

test('a text that differs on a server that does not repeat itself is no finding', async () => {
  const target = await targetOf('reference', 'openai-compatible', { fault: 'near-tie-noise' });
  const { verdicts, found } = await sweep(target, 'fruits', 10);
  expect(found).toEqual([]);
  expect(verdicts['exact']).toBeGreaterThan(0);
}, 60_000);

test('with a local tokenizer the cuts are at its tokens, and the verdict says so', async () => {
  const tokenizer = fileURLToPath(new URL('../../models/thinker/hf', import.meta.url));
  const target = await targetOf('kimi', 'kimi', { files: { tokenizer } });
  expect(target.identity.strength).toMatchObject({ ids: 'local', oracle: 'prompt-count' });
  const scenario = (await loadScenarios(['thinker'])).find(({ id }) => id === 'fruits');
  if (scenario === undefined) throw new Error('no scenario');
  const { generation, views } = await makeSubject(target, scenario, signal);
  const local = await loadTokenizer(tokenizer);
  const reasoning = views.at(-1)?.reasoning ?? '';
  const tokens = generation.tokens.filter(({ phase }) => phase === 'reasoning');
  expect(tokens).toHaveLength(local.encodePlain(reasoning).length);
  const { found } = await sweep(target, 'fruits', 10);
  expect(found.filter((line) => line.endsWith('+flags'))).toEqual([]);
}, 60_000);

test('a server that closes every turn goes on with a text alone', async () => {
  const tokenizer = fileURLToPath(new URL('../../models/thinker/hf', import.meta.url));
  const target = await targetOf('ovms', 'ovms', { files: { tokenizer } });
  expect(target.identity.strength).toMatchObject({ ids: 'local', oracle: 'prompt-text' });
  const { found } = await sweep(target, 'fruits', 8);
  expect(found.filter((line) => line.endsWith('/raw-text'))).toEqual([]);
  expect(found).toContain('turn-closed <|im_end|>/reasoning-field+flags');
  const names = possibleStrategies(target, STRATEGIES).map(({ name }) => name);
  expect(names).toContain('raw-text');
  expect(names).not.toContain('token-ids');
}, 60_000);

test('strategies that need what is not told are left out', async () => {
  const target = await targetOf('anthropic', 'anthropic');
  expect(possibleStrategies(target, STRATEGIES).map(({ name }) => name)).toEqual([
    'reasoning-field',
    'content-only',
  ]);
  const exact = await targetOf('reference', 'llama.cpp');
  expect(possibleStrategies(exact, STRATEGIES)).toEqual(STRATEGIES);
});

test('one request serves strategies that send the same', async () => {
  const target = await targetOf('openrouter', 'openrouter', { model: 'qwen/qwen3-32b' });
  // This scenario does not think: both strategies send the content alone.
  const { verdicts, requests } = await sweep(target, 'no-thinking', 8);
  expect(verdicts).toEqual({ exact: 16 });
  // Each resumes one cut of its own to the end.
  expect(requests).toBeLessThanOrEqual(10);
}, 60_000);

test('a budget that is spent ends the sweep after what is under way', async () => {
  const live = await targetOf('kimi', 'kimi');
  const budget = new Budget({ maxRequests: 9 });
  const target = withBudget(live, budget);
  await expect(sweep(target, 'fruits', 14, budget.signal)).rejects.toMatchObject({
    code: 'interrupted',
  });
  expect(live.spending.requests).toBe(9);
  expect(budget.signal.aborted).toBe(true);
}, 60_000);
