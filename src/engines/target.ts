import { request } from 'undici';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { parseJson } from '../parse-json.ts';
import type { Diagnosis } from './diagnosis.ts';

const ATTEMPT_MS = 5000;

/** Bytes of an answer that are looked at; the rest is not read. */
const MOST_BYTES = 16 * 1024 * 1024;

/** Who owns the models in `/v1/models`, by the servers that say so. */
const KIND_OF_OWNER: Readonly<Record<string, string>> = {
  llamacpp: 'llama.cpp',
  vllm: 'vLLM',
  sglang: 'SGLang',
  library: 'Ollama',
};

/** What one path of a server answered. */
interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Undefined if it is not JSON, or too much of it. */
  readonly json: unknown;
}

const propsSchema = z.object({ build_info: z.string() });
const versionSchema = z.object({ version: z.string() });
const modelsSchema = z.object({
  data: z.array(z.object({ id: z.string(), owned_by: z.string().optional() })),
});

/** Asks a server for `/health`, `/props`, `/v1/models` and `/version`, and names its kind. */
export async function examineTarget(target: string, signal: AbortSignal): Promise<Diagnosis> {
  const what = `target ${target}`;
  if (!URL.canParse(target)) {
    const fix = 'Write it like http://127.0.0.1:8080.';
    return { what, status: 'missing', found: 'this is not a URL', fix };
  }
  const base = target.replace(/\/+$/, '').replace(/\/v1$/, '');
  const answers = await Promise.allSettled(
    ['/health', '/props', '/v1/models', '/version'].map((path) => ask(`${base}${path}`, signal)),
  );
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (failed !== undefined && answers.every((answer) => answer.status === 'rejected')) {
    return {
      what,
      status: 'missing',
      found: `no answer: ${messageOf(failed.reason)}`,
      fix: 'Check that the server runs and that address and port are right.',
    };
  }
  const [health, props, models, version] = answers.map((answer) =>
    answer.status === 'fulfilled' ? answer.value : undefined,
  );
  const kind = kindOf({ props, models, version });
  const names = modelsSchema.safeParse(models?.json).data?.data.map(({ id }) => id) ?? [];
  const found = [
    kind ?? 'a server of unknown kind',
    `health ${health?.status ?? 'unanswered'}`,
    names.length > 0 ? `serves ${names.slice(0, 5).join(', ')}` : 'lists no model',
  ].join(', ');
  if (health?.status === 503) {
    return { what, status: 'warning', found, fix: 'It is still loading; try again in a moment.' };
  }
  if (models?.status === 401 || models?.status === 403) {
    return { what, status: 'warning', found, fix: 'It wants an API key.' };
  }
  if (kind !== undefined || names.length > 0) return { what, status: 'ok', found };
  return { what, status: 'warning', found, fix: 'Name its API with --dialect.' };
}

/**
 * The kind of server and its version, from what only that kind answers. Undefined if none fits.
 * A gateway comes first, since it may pass on the engine's answers.
 */
function kindOf(answers: {
  readonly props: Answer | undefined;
  readonly models: Answer | undefined;
  readonly version: Answer | undefined;
}): string | undefined {
  const gateway = answers.models?.headers['x-litellm-version'];
  if (gateway !== undefined) return `LiteLLM ${String(gateway)}`;
  const props = propsSchema.safeParse(answers.props?.json);
  if (props.success) return `llama.cpp ${props.data.build_info}`;
  const version = versionSchema.safeParse(answers.version?.json).data?.version;
  const owner = modelsSchema.safeParse(answers.models?.json).data?.data[0]?.owned_by;
  if (owner === 'vllm' && version !== undefined) return `vLLM ${version}`;
  return owner === undefined ? undefined : KIND_OF_OWNER[owner];
}

async function ask(url: string, signal: AbortSignal): Promise<Answer> {
  const response = await request(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]),
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    if ((size += chunk.length) > MOST_BYTES) break;
  }
  let json: unknown;
  try {
    json = parseJson(Buffer.concat(chunks).toString('utf8'));
  } catch {
    json = undefined;
  }
  return { status: response.statusCode, headers: response.headers, json };
}
