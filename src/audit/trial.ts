/** One trial: a fresh proxy, a fresh folder, the client's commands, and what was seen. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runClient, type ClientRun } from './client.ts';
import type { AuditConfig, TrialPlan } from './config.ts';
import { startInterrupter } from './interrupter.ts';
import { inNamespace, type Isolation } from './isolation.ts';
import type { Turn } from './turn.ts';

/** What every trial of an audit shares. */
export interface Bench {
  readonly config: AuditConfig;
  /** The root URL of the server behind the proxy. */
  readonly upstream: string;
  /** Made for this audit, and told to nobody else. */
  readonly key: string;
  /** The installed client's program, where there is one. */
  readonly program: string | undefined;
  readonly isolation: Isolation;
  readonly signal: AbortSignal;
}

export interface TrialRun {
  readonly turns: readonly Turn[];
  readonly struck: number | undefined;
  readonly others: number;
  readonly runs: readonly ClientRun[];
  /** Gone by now; it must not appear in evidence. */
  readonly folder: string;
  readonly url: string;
}

/** Runs the client through one trial. Its folder is removed on every way out. */
export async function runTrial(bench: Bench, plan: TrialPlan): Promise<TrialRun> {
  const { config, isolation } = bench;
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'seamstress-audit-')));
  const socket = isolation === 'network' ? join(folder, 'server.sock') : undefined;
  const proxy = await startInterrupter({
    upstream: bench.upstream,
    interruption: plan.interruption,
    after: config.after,
    stallMs: config.stallMs,
    retryAfterSeconds: config.retryAfterSeconds,
    model: config.onlyModel ? config.model : undefined,
    socket,
  });
  try {
    const work = join(folder, 'work');
    const values = {
      baseUrl: `${proxy.url}/v1`,
      url: proxy.url,
      apiKey: bench.key,
      model: config.model,
      folder: work,
      program: bench.program ?? '',
    };
    await makeFiles(work, config, values);
    const runs: ClientRun[] = [];
    for (const [i, template] of commandsOf(config, plan).entries()) {
      if (i > 0) proxy.nextCommand();
      const prompt = i === 0 ? plan.prompt : (plan.next ?? '');
      const argv = template.flatMap((part) =>
        part === WORDS ? prompt.split(' ') : [fill(part, { ...values, prompt })],
      );
      const run = await runClient({
        argv: socket === undefined ? argv : inNamespace(argv, socket, proxy.port),
        // A bare command belongs to the folder in which it was typed.
        cwd: inFolder(config) ? work : process.cwd(),
        env: environment(bench, values, prompt, folder),
        timeoutMs: config.client.timeoutMs,
        signal: bench.signal,
        marker: `SEAMSTRESS_AUDIT_KEY=${bench.key}`,
      });
      runs.push(run);
      if (run.ended !== 'exit') break;
    }
    await proxy.close();
    const turns = config.onlyModel
      ? proxy.turns.filter(({ asked }) => asked.model === config.model)
      : proxy.turns;
    return { turns, struck: proxy.struck(), others: proxy.others(), runs, folder, url: proxy.url };
  } finally {
    await proxy.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The prompt as one argument a word, for clients that quote an argument with spaces in it. */
const WORDS = '{promptWords}';

function commandsOf({ client }: AuditConfig, plan: TrialPlan): (readonly string[])[] {
  const first = plan.command ?? client.command;
  return plan.next === undefined || client.next === undefined ? [first] : [first, client.next];
}

function inFolder({ client }: AuditConfig): boolean {
  return client.isolate || Object.keys(client.files).length > 0;
}

type Values = Readonly<Record<string, string>>;

async function makeFiles(work: string, { client }: AuditConfig, values: Values): Promise<void> {
  await mkdir(work, { recursive: true });
  for (const [path, text] of Object.entries(client.files)) {
    const file = join(work, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, fill(text, values), { mode: 0o600 });
  }
}

/** Replaces `{name}` by its value; other braces stay as they are. */
export function fill(text: string, values: Values): string {
  return text.replaceAll(/\{([A-Za-z]+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? (values[name] ?? whole) : whole,
  );
}

/** Of our own environment, what a program needs to run at all. */
const NEEDED = /^(?:PATH|LANG|LC_\w+|TZ|SystemRoot|ComSpec|PATHEXT|TEMP|TMP)$/i;

function environment(
  { config, key }: Bench,
  values: Values,
  prompt: string,
  folder: string,
): Record<string, string> {
  const { client, model } = config;
  const inherited = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || name === 'SEAMSTRESS_API_KEY' || (client.isolate && !NEEDED.test(name))
      ? []
      : [[name, value] as const],
  );
  const home = join(folder, 'home');
  return {
    ...Object.fromEntries(inherited),
    ...(client.isolate
      ? {
          HOME: home,
          USERPROFILE: home,
          XDG_CONFIG_HOME: join(home, 'config'),
          XDG_DATA_HOME: join(home, 'data'),
          XDG_CACHE_HOME: join(home, 'cache'),
          XDG_STATE_HOME: join(home, 'state'),
        }
      : {}),
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
    OPENAI_BASE_URL: values['baseUrl'] ?? '',
    OPENAI_API_BASE: values['baseUrl'] ?? '',
    OPENAI_API_KEY: key,
    OPENAI_MODEL: model,
    ANTHROPIC_BASE_URL: values['url'] ?? '',
    ANTHROPIC_API_KEY: key,
    ANTHROPIC_MODEL: model,
    ...Object.fromEntries(
      Object.entries(client.env).map(([name, value]) => [name, fill(value, { ...values, prompt })]),
    ),
    SEAMSTRESS_AUDIT_URL: values['url'] ?? '',
    SEAMSTRESS_AUDIT_MODEL: model,
    SEAMSTRESS_AUDIT_PROMPT: prompt,
    SEAMSTRESS_AUDIT_KEY: key,
  };
}
