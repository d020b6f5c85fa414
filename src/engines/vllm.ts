import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { SeamstressError } from '../errors.ts';
import { parseJson } from '../parse-json.ts';
import { readIfThere, readWithin } from '../read-file.ts';
import { bringUp } from './bring-up.ts';
import { BUNDLED_MODEL_FOLDER, PYTHON_LAUNCHER, VLLM_PARSERS } from './bundle.ts';
import { freePort, LOOPBACK, requireFreePort } from './port.ts';
import { provision } from './provision.ts';
import { requireReadable } from './readable.ts';
import type { LaunchOptions, ModelFiles, RunningEngine } from './running.ts';
import { startServer } from './server.ts';
import type { EngineSpec } from './spec.ts';

const HEALTH_MS = 300_000;

/** A CPU takes several requests in about the time of one, since most of it is spent around the model. */
const SLOTS = 32;

/** Largest of a model's files that is read here, in bytes. */
const LARGEST_READ = 16 * 1024 * 1024;

/** Tokens of context, those of the thinker. */
const CONTEXT = 4096;

const ENVIRONMENT: Readonly<Record<string, string>> = {
  // GiB; the default is a share of the machine's memory.
  VLLM_CPU_KVCACHE_SPACE: '1',
  // One thread that is bound nowhere: sums are added in one order, and other runs are left room.
  VLLM_CPU_OMP_THREADS_BIND: 'nobind',
  OMP_NUM_THREADS: '1',
  VLLM_NO_USAGE_STATS: '1',
  DO_NOT_TRACK: '1',
  HF_HUB_OFFLINE: '1',
};

/**
 * Provisions vLLM for the CPU, starts its server on loopback and waits until it is healthy, which
 * takes a minute or more. Linux only.
 */
export async function startVllm(spec: EngineSpec, options: LaunchOptions): Promise<RunningEngine> {
  const { signal, progress, slots = SLOTS, healthMs = HEALTH_MS } = options;
  const model = resolve(options.model ?? BUNDLED_MODEL_FOLDER);
  await requireModelFolder(model);
  const template = options.chatTemplate === undefined ? undefined : resolve(options.chatTemplate);
  if (template !== undefined) await requireReadable(template, 'chat template');
  const chatTemplate = chatTemplateOf(model, template);
  const { python, marker } = await provision(spec, { signal, progress });
  if (options.port !== undefined) await requireFreePort(options.port);
  const port = options.port ?? (await freePort());

  const { version } = marker;
  const name = options.model === undefined ? 'thinker' : basename(model);
  const args = [model, '--served-model-name', name, '--host', LOOPBACK, '--port', String(port)];
  args.push('--dtype', 'float32', '--enforce-eager', '--max-num-seqs', String(slots));
  args.push('--max-model-len', String(contextOf(model)), '--enable-prompt-tokens-details');
  if (template !== undefined) args.push('--chat-template', template);
  args.push(...parsersFor(chatTemplate ?? ''));
  const server = startServer(
    { program: python, args: [PYTHON_LAUNCHER, 'vllm', ...args] },
    ENVIRONMENT,
  );
  const files: ModelFiles = {
    tokenizer: join(model, 'tokenizer.json'),
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
  };
  return bringUp(server, {
    title: `${spec.name} ${version}`,
    url: Promise.resolve(`http://${LOOPBACK}:${port}`),
    signal,
    progress,
    healthMs,
    identify: () =>
      Promise.resolve({ name: spec.name, version, build: undefined, dialect: 'vllm', files }),
  });
}

/**
 * The options for the parsers that fit a chat template, told from its markup. None for markup that
 * is not known, nor for harmony's channels, which vLLM reads only of models whose configuration
 * says `gpt_oss`: then the whole answer is content. Exported for its tests.
 */
export function parsersFor(template: string): string[] {
  const tools = template.includes('<tool_call>') ? 'hermes' : undefined;
  return [
    ...reasoningParserFor(template),
    ...(tools === undefined ? [] : ['--enable-auto-tool-choice', '--tool-call-parser', tools]),
  ];
}

/** The header of DeepSeek's answers, in their own spelling and in plain letters. */
const R1_HEADER = /<[|｜]Assistant[|｜]>/;

function reasoningParserFor(template: string): string[] {
  if (template.includes('[/THINK]'))
    return [
      '--reasoning-parser',
      'seamstress_think_tokens',
      '--reasoning-parser-plugin',
      VLLM_PARSERS,
    ];
  if (!template.includes('</think>')) return [];
  return ['--reasoning-parser', R1_HEADER.test(template) ? 'deepseek_r1' : 'qwen3'];
}

async function requireModelFolder(model: string): Promise<void> {
  const found = await stat(model).catch(() => undefined);
  if (found !== undefined && !found.isDirectory()) {
    throw new SeamstressError('usage', `vLLM cannot load the file ${model}`, {
      hint: 'Give a folder in Hugging Face form, with config.json and tokenizer.json.',
    });
  }
  await requireReadable(join(model, 'config.json'), 'model');
  await requireReadable(join(model, 'tokenizer.json'), 'model');
}

function chatTemplateOf(model: string, override: string | undefined): string | undefined {
  const wanted = {
    most: LARGEST_READ,
    what: 'a chat template',
    hint: 'Give a Jinja file with --chat-template.',
  };
  if (override !== undefined) return readWithin(override, wanted).toString('utf8');
  const own = readIfThere(join(model, 'chat_template.jinja'), wanted);
  if (own !== undefined) return own.toString('utf8');
  const inConfig = readJson(join(model, 'tokenizer_config.json'))['chat_template'];
  return typeof inConfig === 'string' ? inConfig : undefined;
}

function contextOf(model: string): number {
  const most = readJson(join(model, 'config.json'))['max_position_embeddings'];
  return typeof most === 'number' ? Math.min(most, CONTEXT) : CONTEXT;
}

function readJson(path: string): Readonly<Record<string, unknown>> {
  try {
    const bytes = readWithin(path, { most: LARGEST_READ, what: 'a configuration', hint: '' });
    return parseJson(bytes.toString('utf8')) as Record<string, unknown>;
  } catch {
    // vLLM itself complains about its files in better words.
    return {};
  }
}
