/** Every persona with its dialect: recognised, asked, cut, resumed and rendered over real HTTP. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Answer, ChatRequest, ConnectOptions, Target } from '../../dialects/dialect.ts';
import { connect, dialectNamed } from '../../dialects/registry.ts';
import { capabilitiesOf, isTextLevel } from '../../dialects/text-level-strength.ts';
import { viewOf } from '../../seam/view.ts';
import { Refusal } from '../../wire/refusal.ts';
import { startReference } from '../server.ts';
import { PERSONAS, personaNamed } from './catalogue.ts';

const { signal } = new AbortController();
const ASKED = 'Write a Python function find_max over pairs with 4-space indents.';
const QUESTION: ChatRequest = {
  messages: [{ role: 'user', content: ASKED }],
  tools: [],
  thinking: undefined,
};
/** The beginning of the thinker's answer to it, in the middle of which a client cuts. */
const READ = '```python\ndef find_max(pairs):\n';

/** What a resume of the content comes to. */
type Outcome = 'continues' | 'leaves' | { readonly refuses: string };

/** Without the flags, and with them; personas that are not named here continue both ways. */
const OUTCOMES: Readonly<Record<string, readonly [Outcome, Outcome]>> = {
  reference: ['continues', 'continues'],
  // The empty think block is what a prompt without thinking ends with: that answer goes on.
  'llama.cpp': both('continues'),
  'llama.cpp-2026-04': both({
    refuses: 'Assistant response prefill is incompatible with enable_thinking.',
  }),
  'llama.cpp-r1': both('leaves'),
  'llama.cpp-gpt-oss': both('leaves'),
  'llama.cpp-gemma': both('continues'),
  vllm: ['leaves', 'continues'],
  'vllm-gemma': both('leaves'),
  sglang: both('leaves'),
  tgi: both('leaves'),
  ovms: both('leaves'),
  'transformers-serve': ['leaves', { refuses: 'Unexpected fields in the request' }],
  'mistral.rs': both('leaves'),
};

function both(outcome: Outcome): readonly [Outcome, Outcome] {
  return [outcome, outcome];
}

/** Hosted services are asked for a model by its name. */
const MODELS: Readonly<Record<string, string>> = {
  anthropic: 'claude-3-5-sonnet',
  'anthropic-4.6': 'claude-opus-4-6',
  deepseek: 'deepseek-chat',
  mistral: 'magistral-medium',
  kimi: 'kimi-k2',
  openrouter: 'qwen/qwen3-32b',
};

async function opened(name: string, dialect?: string): Promise<Target> {
  const server = await startReference({ persona: await personaNamed(name) });
  const model = MODELS[name];
  const options: ConnectOptions = { url: server.url, ...(model === undefined ? {} : { model }) };
  const named = dialect === undefined ? undefined : dialectNamed(dialect);
  const target = await connect(named, options, signal).catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
  onTestFinished(async () => {
    await target.close();
    await server.close();
  });
  return target;
}

async function ask(target: Target, request: ChatRequest, maxTokens = 400): Promise<Answer> {
  return await target.chat(request, { maxTokens, top: 0, cache: 'cold' }, { signal });
}

describe.each(PERSONAS)('$name', ({ name, summary }) => {
  test('is listed by its own name, with its sources and what it lacks', async () => {
    const persona = await personaNamed(name);
    expect(persona.name).toBe(name);
    expect(summary).not.toBe('');
    expect(persona.sources.length).toBeGreaterThan(0);
    expect(persona.lacks.length).toBeGreaterThan(0);
  });

  test('auto finds its dialect', async () => {
    const persona = await personaNamed(name);
    expect((await opened(name)).identity.dialect).toBe(persona.dialect);
  });

  test('streams an answer to its end', async () => {
    const { dialect } = await personaNamed(name);
    const answer = await ask(await opened(name, dialect), QUESTION);
    expect(answer.end.kind).toBe('done');
    expect(answer.finish).toBeDefined();
    expect(viewOf(answer.deltas).content.trimStart()).toMatch(/^```python\ndef find_max/);
  });

  test('stops at a limit, and says so', async () => {
    const { dialect } = await personaNamed(name);
    const answer = await ask(await opened(name, dialect), QUESTION, 5);
    expect(answer.finish).toBe('length');
  });

  test('renders where its prompts can be seen', async () => {
    const { dialect } = await personaNamed(name);
    const target = await opened(name, dialect);
    const { oracle } = capabilitiesOf(target);
    if (!/^prompt-(?:ids|text)$/.test(oracle))
      return expect(target.render(QUESTION, signal)).rejects.toThrow();
    const rendered = await target.render(QUESTION, signal);
    expect(rendered.text).toContain(ASKED);
    if (isTextLevel(target)) return;
    expect(rendered.ids.length).toBeGreaterThan(10);
    const said = await target.complete(
      rendered.ids,
      { maxTokens: 4, top: 1, cache: 'cold' },
      signal,
    );
    expect(said.tokens).toHaveLength(4);
  });
});

describe.each(Object.keys(OUTCOMES))('%s', (name) => {
  test.each([false, true])('a resume inside the content, flags %s', async (flags) => {
    const { dialect } = await personaNamed(name);
    const target = await opened(name, dialect);
    const resume = { ...QUESTION, prefill: { content: READ }, flags };
    const outcome = OUTCOMES[name]?.[flags ? 1 : 0];
    const thinks = name !== 'llama.cpp-gemma' && name !== 'vllm-gemma';
    // Where the model has thought, a client that goes on exactly sends the thought too.
    const thought = thinks && name === 'reference' ? await thoughtOf(target) : undefined;
    const asked = thought === undefined ? resume : withThought(resume, thought);
    if (typeof outcome === 'object') {
      const refusal = await ask(target, asked, 20).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(Refusal);
      expect((refusal as Refusal).message).toContain(outcome.refuses);
      return;
    }
    const view = viewOf((await ask(target, asked, 20)).deltas);
    const said = view.reasoning + view.content;
    if (outcome === 'continues') expect(said).toMatch(/^ {4}\S/);
    else expect(said).not.toMatch(/^ {4}\S/);
  });
});

async function thoughtOf(target: Target): Promise<string> {
  return viewOf((await ask(target, QUESTION)).deltas).reasoning;
}

function withThought(request: ChatRequest, reasoning: string): ChatRequest {
  return { ...request, prefill: { content: READ, reasoning } };
}
