/** The personas by name. A new one is a file beside this one and a line here. */
import { SeamstressError } from '../../errors.ts';
import type { Persona } from './persona.ts';

/** A persona as it is listed; its file is read when it is chosen. */
interface Entry {
  readonly name: string;
  /** What tells it from the others, for `serve --help`. */
  readonly summary: string;
  readonly load: () => Promise<Persona>;
}

/** What is served when none is named. */
export const DEFAULT_PERSONA = 'reference';

/** In the order in which they are listed. */
export const PERSONAS: readonly Entry[] = [
  {
    name: DEFAULT_PERSONA,
    summary: "llama.cpp's API without its quirks: every resume is exact",
    load: async () => (await import('./reference.ts')).reference,
  },
  {
    name: 'llama.cpp',
    summary: 'build b11549: a second line break before </think>, header lost, empty think block',
    load: async () => (await import('./llamacpp.ts')).llamacpp,
  },
  {
    name: 'llama.cpp-2026-04',
    summary: 'before May 2026: refuses a trailing assistant message on thinking templates',
    load: async () => (await import('./llamacpp.ts')).llamacppApril,
  },
  {
    name: 'llama.cpp-r1',
    summary: 'the prompt ends inside the thinking, as with DeepSeek-R1',
    load: async () => (await import('./llamacpp.ts')).r1,
  },
  {
    name: 'llama.cpp-gpt-oss',
    summary: 'gpt-oss channels: analysis and final',
    load: async () => (await import('./llamacpp.ts')).gptOss,
  },
  {
    name: 'llama.cpp-gemma',
    summary: 'no thinking, and a template that trims past turns',
    load: async () => (await import('./llamacpp.ts')).gemma,
  },
  {
    name: 'vllm',
    summary: 'vLLM 0.32: without the flags the turn is closed; thoughts cannot be continued',
    load: async () => (await import('./vllm.ts')).vllm,
  },
  {
    name: 'vllm-gemma',
    summary: 'vLLM with a template that trims the prefill',
    load: async () => (await import('./vllm.ts')).vllmGemma,
  },
  {
    name: 'sglang',
    summary: 'a flag continues the content, encoded apart; without it the message is a user’s',
    load: async () => (await import('./sglang.ts')).sglang,
  },
  {
    name: 'sglang-0.4',
    summary: 'the same, and tells no ids of a chat',
    load: async () => (await import('./sglang.ts')).sglangOld,
  },
  {
    name: 'tgi',
    summary: 'continues unasked, trims the end',
    load: async () => (await import('./self-hosted.ts')).tgi,
  },
  {
    name: 'ovms',
    summary: 'the turn is always closed; chat lies under /v3',
    load: async () => (await import('./self-hosted.ts')).ovms,
  },
  {
    name: 'transformers-serve',
    summary: 'always a new turn; refuses the flags as unexpected fields',
    load: async () => (await import('./self-hosted.ts')).transformersServe,
  },
  {
    name: 'mistral.rs',
    summary: 'always a new turn, in silence',
    load: async () => (await import('./self-hosted.ts')).mistralrs,
  },
  {
    name: 'ollama',
    summary: 'trims line breaks around the thinking, forgets the empty think block of a prefill',
    load: async () => (await import('./ollama.ts')).ollama,
  },
  {
    name: 'lmstudio',
    summary: 'continues a trailing assistant message unasked, and sends it again first',
    load: async () => (await import('./lmstudio.ts')).lmstudio,
  },
  {
    name: 'anthropic',
    summary: 'up to Claude 4.5: continues, but not after whitespace, a thought or a tool call',
    load: async () => (await import('./anthropic.ts')).anthropic,
  },
  {
    name: 'anthropic-4.6',
    summary: 'from Claude 4.6 on: refuses every trailing assistant message',
    load: async () => (await import('./anthropic.ts')).anthropic46,
  },
  {
    name: 'deepseek',
    summary: '/beta and prefix: true; refuses a trailing assistant message without the marker',
    load: async () => (await import('./deepseek.ts')).deepseek,
  },
  {
    name: 'mistral',
    summary: 'prefix: true, and the answer starts with the prefix again',
    load: async () => (await import('./mistral.ts')).mistral,
  },
  {
    name: 'kimi',
    summary: 'partial: true; without the marker a trailing assistant message is a past turn',
    load: async () => (await import('./kimi.ts')).kimi,
  },
  {
    name: 'openrouter',
    summary: 'continues or refuses, as the model behind it does',
    load: async () => (await import('./openrouter.ts')).openrouter,
  },
];

/**
 * The persona with this name.
 *
 * @throws {SeamstressError} `usage` for an unknown name, with the list
 */
export async function personaNamed(name: string): Promise<Persona> {
  const entry = PERSONAS.find((known) => known.name === name);
  if (entry === undefined)
    throw new SeamstressError('usage', `there is no persona "${name}"`, {
      hint: `Personas: ${PERSONAS.map((known) => known.name).join(', ')}.`,
    });
  return await entry.load();
}

/**
 * Faults are planted into the persona that is right without them.
 *
 * @throws {SeamstressError} `usage` for any other
 */
export function requireFaulty(persona: string): void {
  if (persona === DEFAULT_PERSONA) return;
  throw new SeamstressError('usage', `faults cannot be planted into the persona "${persona}"`, {
    hint: `Leave out --fault, or --persona: a persona has its own quirks, "${DEFAULT_PERSONA}" has none.`,
  });
}

/** The list for a command's help. */
export function personaHelp(): string {
  const width = Math.max(...PERSONAS.map(({ name }) => name.length));
  const lines = PERSONAS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `\nPersonas:\n${lines.join('\n')}`;
}
