/** The dialects by name. A new one is a file beside this one and a line in `DIALECTS`. */
import { SeamstressError } from '../errors.ts';
import { HttpClient } from '../wire/http.ts';
import { Refusal } from '../wire/refusal.ts';
import { httpOptions, isMissing, troubleOf } from './acquaint.ts';
import type { Ask, ConnectOptions, Dialect, Target } from './dialect.ts';
import { anthropic } from './anthropic.ts';
import { deepseek } from './deepseek.ts';
import { kimi } from './kimi.ts';
import { llamacpp } from './llamacpp.ts';
import { lmstudio } from './lmstudio.ts';
import { Memo } from './memo.ts';
import { mistral } from './mistral.ts';
import { mistralrs } from './mistralrs.ts';
import { ollama, ollamaOpenai } from './ollama.ts';
import { openaiCompatible } from './openai-compatible.ts';
import { openrouter } from './openrouter.ts';
import { ovms } from './ovms.ts';
import { sglang } from './sglang.ts';
import { isHostOf, vendorKey } from './text-level-connect.ts';
import { tgi } from './tgi.ts';
import { transformers } from './transformers.ts';
import { vllm } from './vllm.ts';

/** In the order in which `auto` tries them; the last one is for all that speak as most do. */
export const DIALECTS: readonly Dialect[] = [
  llamacpp,
  vllm,
  sglang,
  tgi,
  ovms,
  transformers,
  mistralrs,
  ollama,
  ollamaOpenai,
  lmstudio,
  anthropic,
  deepseek,
  mistral,
  kimi,
  openrouter,
  openaiCompatible,
];

/** Finds out which dialect a server speaks. */
const AUTO = 'auto';

/**
 * The dialect with this name; undefined for `auto`.
 *
 * @throws SeamstressError `usage` for an unknown name
 */
export function dialectNamed(name: string): Dialect | undefined {
  if (name === AUTO) return undefined;
  const dialect = DIALECTS.find((known) => known.name === name);
  if (dialect === undefined)
    throw new SeamstressError('usage', `there is no dialect "${name}"`, {
      hint: `Dialects: ${[AUTO, ...DIALECTS.map((known) => known.name)].join(', ')}.`,
    });
  return dialect;
}

/** True when a key in the environment would be sent to a server: ours, or the one of its vendor. */
export function hasKeyFor(
  url: string,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  return (
    (environment['SEAMSTRESS_API_KEY'] ?? '') !== '' ||
    DIALECTS.some(({ hosted }) => vendorKey(hosted, url, environment) !== undefined)
  );
}

/**
 * Connects to a server, after finding out its dialect where that is not known.
 *
 * @throws SeamstressError `target` when the server cannot be reached, refuses us, or speaks none
 */
export async function connect(
  dialect: Dialect | undefined,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<Target> {
  return await (dialect ?? (await recognise(options, signal))).connect(options, signal);
}

async function recognise(options: ConnectOptions, signal: AbortSignal): Promise<Dialect> {
  const hosted = DIALECTS.find((dialect) => isHostOf(dialect.hosted, options.url));
  if (hosted !== undefined) return hosted;
  const http = new HttpClient(httpOptions(options));
  const missing: string[] = [];
  const answers = new Memo<unknown>(100);
  const ask: Ask = ({ method, path, body }) =>
    answers.get(JSON.stringify([method, path, body]), async () => {
      try {
        return (await http.json(method, path, body, signal)).body;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (isMissing(error)) missing.push(path);
        // 400 and 422: another server's idea of the same path.
        else if (error.status !== 400 && error.status !== 422) throw troubleOf(http, path, error);
        return undefined;
      }
    });
  try {
    for (const dialect of DIALECTS) if (await dialect.recognises(ask)) return dialect;
  } finally {
    await http.close();
  }
  const lacks = missing.length > 0 ? `: it has no ${missing.join(', ')}` : '';
  throw new SeamstressError('target', `${http.url} answers like no server that is known${lacks}`, {
    hint: `Is this the root URL of a server of these kinds: ${DIALECTS.map(({ name }) => name).join(', ')}? Paths such as /v1 are added by seamstress.`,
  });
}
