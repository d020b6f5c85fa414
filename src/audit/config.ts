/** The configuration of an audit: a YAML file, or what the command line says. */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { messageOf, SeamstressError } from '../errors.ts';
import { readWithin } from '../read-file.ts';
import { suggest } from '../scenario/suggest.ts';
import { EXPECTATIONS, type Expectation } from './checks/check.ts';
import {
  INTERRUPTION_NAMES,
  INTERRUPTIONS,
  isInterruption,
  PLACES,
  WAYS,
  type Interruption,
} from './plan.ts';

/** Audits that come with the package; two levels up from both `src/` and `dist/`. */
const BUILT_IN = fileURLToPath(new URL('../../scenarios/audits/', import.meta.url));
const MAX_BYTES = 1024 * 1024;

/** Has whitespace at many places, also at the end of the thought. */
const PROMPT = 'Write a Go function find_max over xs.';
/** Makes the scripted model call a tool, whatever tools it is offered. */
const TOOL_PROMPT = 'Use the tool: weather in Oslo, celsius?';

/** A client from the npm registry. */
export interface NpmClient {
  readonly package: string;
  /** An exact version. */
  readonly version: string;
  /** The program, inside `node_modules`; `{os}` is linux, darwin or windows, `{arch}` Node's. */
  readonly program: string;
}

export interface ClientConfig {
  readonly npm?: NpmClient | undefined;
  readonly command: readonly string[];
  /** A second command, for trials that have a `next` prompt. */
  readonly next?: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Written into the client's folder before each trial: path → text. */
  readonly files: Readonly<Record<string, string>>;
  /** Loopback alone as network, an empty home, nothing of our environment but PATH and language. */
  readonly isolate: boolean;
  readonly timeoutMs: number;
  /** What its output holds where it failed, although its exit status may be 0. */
  readonly saysFailure?: RegExp | undefined;
}

export interface TrialPlan {
  readonly name: string;
  readonly interruption: Interruption;
  readonly prompt: string;
  /** The prompt of the client's second command. */
  readonly next?: string | undefined;
  /** In place of the client's command. */
  readonly command?: readonly string[] | undefined;
  /** Asked for by name: not reaching it makes the audit inconclusive. */
  readonly named: boolean;
}

export interface AuditConfig {
  readonly name: string;
  readonly client: ClientConfig;
  readonly persona: string;
  readonly faults: readonly string[];
  readonly model: string;
  /** Whether requests for other models are handed on unbroken and left out of the judging. */
  readonly onlyModel: boolean;
  readonly expect: Expectation;
  readonly prompt: string;
  readonly after: number;
  readonly stallMs: number;
  readonly retryAfterSeconds: number;
  readonly maxAttempts: number;
  readonly trials: readonly TrialPlan[];
}

const seconds = z.number().positive().max(3600);
const text = z.string().min(1);
const argv = z.array(z.string()).min(1);

const trialSchema = z.union([
  z.string(),
  z.strictObject({
    name: z.string().regex(/^[a-z0-9-]{1,40}$/),
    interrupt: z
      .union([
        z.string(),
        z.strictObject({
          at: z.enum(PLACES).optional(),
          how: z.enum(WAYS).optional(),
          refusePrefill: z.boolean().default(false),
        }),
      ])
      .optional(),
    prompt: text.optional(),
    next: text.optional(),
    command: argv.optional(),
  }),
]);

function isInside(path: string): boolean {
  return !/^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)/.test(path);
}

const fileSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9._-]{1,60}$/),
  description: z.string().optional(),
  client: z.strictObject({
    npm: z
      .strictObject({
        package: z.string().regex(/^(?:@[a-z0-9._-]+\/)?[a-z0-9._-]+$/),
        version: z.string().regex(/^\d+\.\d+\.\d+[A-Za-z0-9.+-]*$/),
        program: text,
      })
      .optional(),
    command: argv.optional(),
    next: argv.optional(),
    env: z.record(z.string(), z.string()).default({}),
    files: z
      .record(z.string(), z.string())
      .refine((files) => Object.keys(files).every(isInside), {
        message: 'each path must lie inside the client’s folder',
      })
      .default({}),
    isolate: z.boolean().default(false),
    timeout: seconds.default(60),
    saysFailure: z.string().optional(),
  }),
  server: z
    .strictObject({
      persona: z.string().default('reference'),
      faults: z.array(z.string()).default([]),
    })
    .default({ persona: 'reference', faults: [] }),
  model: text.default('thinker'),
  onlyModel: z.boolean().default(false),
  expect: z.enum(EXPECTATIONS).default('resume'),
  prompt: text.default(PROMPT),
  after: z.int().min(1).max(10_000).default(24),
  stall: seconds.default(5),
  retryAfter: z.int().min(1).max(60).default(1),
  maxAttempts: z.int().min(1).max(1000).default(5),
  trials: z.array(trialSchema).min(1).optional(),
});

type FileConfig = z.infer<typeof fileSchema>;

/** What the command line adds to a file, or says in its place. */
export interface ConfigChanges {
  readonly command?: readonly string[] | undefined;
  readonly persona?: string | undefined;
  readonly faults?: readonly string[] | undefined;
  readonly plan?: readonly string[] | undefined;
  readonly expect?: Expectation | undefined;
  readonly prompt?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly isolate?: boolean | undefined;
}

/**
 * The configuration of an audit.
 *
 * @param file a YAML file, or the name of a built-in audit; undefined for a bare command
 * @throws {SeamstressError} `usage` for an unknown name or a missing command, `config` for a file
 *   that does not fit
 */
export async function loadAuditConfig(
  file: string | undefined,
  changes: ConfigChanges = {},
): Promise<AuditConfig> {
  const given =
    file === undefined
      ? fileSchema.parse({ name: nameOf(changes.command), client: {} })
      : await readConfig(file);
  const client = given.client;
  const command = changes.command ?? client.command;
  if (command === undefined)
    throw new SeamstressError('usage', 'there is no client to audit', {
      hint: 'Give its command after --, as in: seamstress audit -- node client.js; or --config.',
    });
  const prompt = changes.prompt ?? given.prompt;
  return {
    name: given.name,
    client: {
      npm: client.npm,
      command,
      next: client.next,
      env: client.env,
      files: client.files,
      isolate: changes.isolate ?? client.isolate,
      timeoutMs: changes.timeoutMs ?? client.timeout * 1000,
      saysFailure: client.saysFailure === undefined ? undefined : pattern(client.saysFailure),
    },
    persona: changes.persona ?? given.server.persona,
    faults: changes.faults ?? given.server.faults,
    model: given.model,
    onlyModel: given.onlyModel,
    expect: changes.expect ?? given.expect,
    prompt,
    after: given.after,
    stallMs: given.stall * 1000,
    retryAfterSeconds: given.retryAfter,
    maxAttempts: given.maxAttempts,
    trials: trialsOf(given, changes.plan, prompt),
  };
}

function trialsOf(
  given: FileConfig,
  plan: readonly string[] | undefined,
  prompt: string,
): TrialPlan[] {
  const own = new Map(
    (given.trials ?? [])
      .filter((trial) => typeof trial !== 'string')
      .map((trial) => [trial.name, trial]),
  );
  const wanted = plan ?? given.trials ?? [];
  if (wanted.length === 0)
    return INTERRUPTION_NAMES.map((name) => trialOf({ name }, prompt, false));
  const trials = wanted.map((trial) => {
    const what = typeof trial === 'string' ? (own.get(trial) ?? { name: trial }) : trial;
    return trialOf(what, prompt, true);
  });
  const names = trials.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new SeamstressError('config', `two trials are named "${twice}"`, {
      hint: 'Give each trial a name of its own.',
    });
  return trials;
}

function trialOf(
  trial: Exclude<NonNullable<FileConfig['trials']>[number], string>,
  prompt: string,
  named: boolean,
): TrialPlan {
  const { interrupt = trial.name } = trial;
  const interruption =
    typeof interrupt === 'string'
      ? interruptionNamed(interrupt)
      : { at: interrupt.at, how: interrupt.how, refusePrefill: interrupt.refusePrefill };
  if ((interruption.at === undefined) !== (interruption.how === undefined))
    throw new SeamstressError('config', `trial "${trial.name}" has only one of "at" and "how"`, {
      hint: `Places: ${PLACES.join(', ')}. Ways: ${WAYS.join(', ')}.`,
    });
  return {
    name: trial.name,
    interruption,
    prompt: trial.prompt ?? (interruption.at === 'tool-call' ? TOOL_PROMPT : prompt),
    next: trial.next,
    command: trial.command,
    named,
  };
}

function interruptionNamed(name: string): Interruption {
  if (name === 'none') return { refusePrefill: false };
  if (isInterruption(name)) {
    const { at, how, refusePrefill } = INTERRUPTIONS[name];
    return { at, how, refusePrefill };
  }
  const near = suggest(name, INTERRUPTION_NAMES);
  throw new SeamstressError('usage', `there is no interruption "${name}"`, {
    hint:
      near === undefined
        ? `Interruptions: ${INTERRUPTION_NAMES.join(', ')}.`
        : `Did you mean ${near}?`,
  });
}

function nameOf(command: readonly string[] | undefined): string {
  const [program = 'client', script] = command ?? [];
  const told = /^(?:node|python3?|deno|bun|npx)$/.test(basename(program)) ? script : undefined;
  const plain = basename(told ?? program)
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .slice(0, 60);
  return plain === '' ? 'client' : plain;
}

function pattern(source: string): RegExp {
  try {
    return new RegExp(source, 'u');
  } catch (error) {
    throw new SeamstressError('config', `saysFailure: ${messageOf(error)}`, { cause: error });
  }
}

async function readConfig(file: string): Promise<FileConfig> {
  const builtIn = await builtIns();
  const path = builtIn.get(file) ?? file;
  const source = readWithin(path, {
    most: MAX_BYTES,
    what: 'an audit',
    hint: `Built-in audits: ${[...builtIn.keys()].join(', ')}. Or give a YAML file.`,
  }).toString('utf8');
  let value: unknown;
  try {
    value = parse(source, { maxAliasCount: 100, prettyErrors: true });
  } catch (error) {
    throw new SeamstressError('config', `${file}: ${messageOf(error)}`, { cause: error });
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues
    .slice(0, 10)
    .map(
      ({ path: at, message }) => `${file}: ${at.length === 0 ? '' : `${at.join('.')}: `}${message}`,
    );
  throw new SeamstressError('config', lines.join('\n'), {
    hint: 'See src/audit/README.md for the fields of an audit.',
  });
}

async function builtIns(): Promise<Map<string, string>> {
  const names = await readdir(BUILT_IN).catch(() => []);
  return new Map(
    names
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => [name.slice(0, -'.yaml'.length), join(BUILT_IN, name)]),
  );
}
