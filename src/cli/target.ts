/** Gets the target of a command ready, and everything that was started for it out of the way again. */
import type { ConnectOptions, Dialect, Target } from '../dialects/dialect.ts';
import { connect, dialectNamed, hasKeyFor } from '../dialects/registry.ts';
import { parseGateway } from '../engines/gateway-spec.ts';
import { BUNDLED_TOKENIZER } from '../engines/bundle.ts';
import { SeamstressError } from '../errors.ts';
import { withoutUser } from '../wire/address.ts';
import { CONNECTIONS } from '../wire/http.ts';
import { namesLoopback } from '../wire/loopback.ts';

export interface TargetOptions {
  readonly target?: string;
  readonly engine?: string;
  readonly engineCommand?: string;
  readonly engineModel?: string;
  readonly chatTemplate?: string;
  readonly model?: string;
  readonly dialect: string;
  readonly tokenizer?: string;
  /** A gateway in front of it, for commands that test one. */
  readonly via?: string;
  readonly fault?: readonly string[];
  readonly persona?: string;
  /** Seams judged at once; a server is given as many connections, and never fewer than by default. */
  readonly concurrency?: number;
  /** The address stands in a record, which somebody else may have made. */
  readonly toldByRecord?: boolean;
}

export interface OpenTarget {
  readonly target: Target;
  /** A short name for folders: `reference`, `llama.cpp-b11549`, `localhost-8080`. */
  readonly name: string;
  /** The model's `tokenizer.json`, where it is known. */
  readonly tokenizer?: string | undefined;
  close(): Promise<void>;
}

/** Starts what has to be started and connects to it. */
export async function openTarget(
  options: TargetOptions,
  seed: number,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<OpenTarget> {
  const sources = [options.target, options.engine, options.engineCommand].filter(
    (source) => source !== undefined,
  );
  if (sources.length !== 1)
    throw new SeamstressError(
      'usage',
      sources.length === 0
        ? 'there is nothing to test'
        : '--target, --engine and --engine-command exclude each other',
      {
        hint: 'Give --target reference, --target URL, --engine llama.cpp, --engine vllm, or --engine-command.',
      },
    );
  if (options.fault !== undefined && options.target !== 'reference')
    throw new SeamstressError('usage', '--fault needs --target reference', {
      hint: 'Faults can be planted into the embedded server only.',
    });
  if (options.persona !== undefined && options.target !== 'reference')
    throw new SeamstressError('usage', '--persona needs --target reference', {
      hint: 'The embedded server behaves as another one; real servers are what they are.',
    });
  if (options.via !== undefined) parseGateway(options.via);
  // It is needed at the end of a run; what is wrong with it is said before the work.
  if (options.tokenizer !== undefined)
    await (await import('../tokens/tokenizer.ts')).loadTokenizer(options.tokenizer);
  const dialect = dialectNamed(options.dialect);
  if (options.target === 'reference') return await openReference(options, seed, signal);
  if (options.target !== undefined) {
    const target = await connect(dialect, connection(options.target, options), signal);
    return {
      target,
      name: nameOfUrl(target.identity.url),
      tokenizer: options.tokenizer,
      close: () => target.close(),
    };
  }
  return await openEngine(options, signal, progress);
}

async function openReference(
  options: TargetOptions,
  seed: number,
  signal: AbortSignal,
): Promise<OpenTarget> {
  const [{ startReference }, { parseFault }, { throughFaultyClient }, personas] = await Promise.all(
    [
      import('../reference/server.ts'),
      import('../reference/faults.ts'),
      import('../reference/client-faults.ts'),
      import('../reference/personas/catalogue.ts'),
    ],
  );
  const faults = (options.fault ?? []).map(parseFault);
  const name = options.persona ?? personas.DEFAULT_PERSONA;
  if (faults.length > 0) personas.requireFaulty(name);
  const persona = await personas.personaNamed(name);
  const server = await startReference({ persona, faults, seed });
  const open = await connected(
    server,
    {
      ...connection(server.url, options),
      // A persona is told by the version, so that a record never takes it for the real server.
      engine: {
        name: 'reference',
        ...(name === personas.DEFAULT_PERSONA ? {} : { version: name }),
      },
      ...(options.fault === undefined ? {} : { faults: options.fault, faultSeed: seed }),
    },
    name === personas.DEFAULT_PERSONA ? name : `reference-${name}`,
    dialectNamed(options.dialect) ?? dialectNamed(persona.dialect),
    signal,
  );
  return {
    ...open,
    tokenizer: options.tokenizer,
    target: throughFaultyClient(open.target, faults, seed),
  };
}

async function openEngine(
  options: TargetOptions,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<OpenTarget> {
  const { parseEngine, startCommand, startEngine } = await import('../engines/engine.ts');
  const launch = {
    signal,
    progress,
    ...(options.engineModel === undefined ? {} : { model: options.engineModel }),
    ...(options.chatTemplate === undefined ? {} : { chatTemplate: options.chatTemplate }),
  };
  const engine =
    options.engineCommand === undefined
      ? await startEngine(parseEngine(options.engine ?? ''), launch)
      : await startCommand(options.engineCommand, launch);
  const known = {
    name: engine.name,
    version: engine.version,
    ...(engine.build === undefined ? {} : { build: engine.build }),
  };
  const name = `${engine.name}-${engine.build ?? engine.version}`;
  const server = { url: engine.url, close: () => engine.stop() };
  const at = connection(engine.url, options);
  const open = await connected(
    server,
    { ...at, engine: known, files: { ...engine.files, ...at.files } },
    name,
    dialectNamed(options.dialect) ?? dialectNamed(engine.dialect),
    signal,
  );
  const bundled = options.engineModel === undefined && options.engineCommand === undefined;
  const tokenizer = options.tokenizer ?? engine.files?.tokenizer;
  return { ...open, tokenizer: tokenizer ?? (bundled ? BUNDLED_TOKENIZER : undefined) };
}

/** Connects to a server that we started; stops it again when that fails. */
async function connected(
  server: { readonly url: string; close(): Promise<void> },
  options: ConnectOptions,
  name: string,
  dialect: Dialect | undefined,
  signal: AbortSignal,
): Promise<OpenTarget> {
  try {
    const target = await connect(dialect, options, signal);
    return {
      target,
      name,
      close: async () => {
        await target.close();
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

function connection(url: string, options: TargetOptions): ConnectOptions {
  const apiKey = process.env['SEAMSTRESS_API_KEY'];
  if (options.toldByRecord === true && !isNear(url) && hasKeyFor(url, process.env))
    throw new SeamstressError(
      'usage',
      `the key is not sent to ${withoutUser(url)}, which only the record names`,
      { hint: `Say that it is yours: --target ${withoutUser(url)}` },
    );
  return {
    url,
    ...(options.model === undefined ? {} : { model: options.model }),
    ...(options.concurrency === undefined || options.concurrency <= CONNECTIONS
      ? {}
      : { connections: options.concurrency }),
    ...(options.tokenizer === undefined ? {} : { files: { tokenizer: options.tokenizer } }),
    ...(apiKey === undefined || apiKey === '' ? {} : { apiKey }),
  };
}

/** True for this machine's own loopback addresses. */
function isNear(url: string): boolean {
  return URL.canParse(url) && namesLoopback(new URL(url).host);
}

function nameOfUrl(url: string): string {
  return new URL(url).host.replaceAll(/[^A-Za-z0-9.]+/g, '-');
}
