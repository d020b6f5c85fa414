/** `seamstress bisect`: the build that brought a finding, or that took it away. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import type { Bisection, BisectStep, Wanted } from '../campaign/bisect.ts';
import { messageOf, SeamstressError } from '../errors.ts';
import { interruptible } from './interrupt.ts';
import { cutCount, integer, list } from './options.ts';
import type { OpenTarget, TargetOptions } from './target.ts';

interface BisectCommandOptions {
  readonly engine?: string;
  readonly command?: string;
  readonly build?: string;
  readonly good: string;
  readonly bad: string;
  readonly finding: string;
  readonly versions?: readonly string[];
  readonly scenario?: readonly string[];
  readonly strategy?: readonly string[];
  readonly cuts: 'all' | number;
  readonly seed: number;
  readonly engineModel?: string;
  readonly chatTemplate?: string;
  readonly tokenizer?: string;
  readonly dialect: string;
  readonly out?: string;
  readonly json?: boolean;
}

export function bisectCommand(): Command {
  return new Command('bisect')
    .summary('name the build that brought a finding, or took it away')
    .description(
      'Starts builds between a good and a bad one, tests each for the finding, and names the two neighbours between which it changes. Builds that cannot be installed, started or tested are skipped.',
    )
    .option('--engine <name>', 'llama.cpp or vllm: the published builds of it')
    .option(
      '--command <command>',
      'start a server yourself; {version}, {port}, {host} and {model} are filled in; needs --versions',
    )
    .option(
      '--build <command>',
      'run before each start, to its end, e.g. to check out and compile {version}; if it fails the build is skipped',
    )
    .requiredOption('--good <version>', 'a build without the finding')
    .requiredOption('--bad <version>', 'a build with it; may be the older one')
    .requiredOption(
      '--finding <finding>',
      'a file of findings/, whose seam is judged again; or the name of a cause or the id of a finding, which small sweeps look for',
    )
    .option('--versions <list>', 'the builds to choose from, oldest first', list)
    .option('--scenario <path>', 'scenarios of the sweeps; repeatable (default: thinker)', list)
    .option('--strategy <name>', 'strategies of the sweeps; repeatable (default: all)', list)
    .option('--cuts <number>', 'cuts of each scenario in the sweeps, or "all"', cutCount, 10)
    .option('--seed <number>', 'of the sweeps', integer(0, 2 ** 31 - 1), 1)
    .option('--engine-model <path>', 'the model that builds load (default: the bundled thinker)')
    .option('--chat-template <path>', 'the chat template for the builds')
    .option('--tokenizer <path>', 'the tokenizer.json of the model')
    .option('--dialect <name>', 'the server API: llama.cpp, vllm, or auto', 'auto')
    .option(
      '--out <folder>',
      'where bisect.json and the runs of the builds are written (default: reports/<time>-bisect)',
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Exit status: 0 two neighbours were found, 3 only a range (or an end cannot be tested), 2 the ends are not as said.

Examples:
  seamstress bisect --engine llama.cpp --good 2026.10.11549 --bad 2026.4.8672 --finding prefill-refused-thinking
  seamstress bisect --versions "$(git log --reverse --format=%h A..B | tr '\\n' ,)" --good A --bad B \\
    --build 'git checkout {version} && make' --command './server -m {model} --port {port}' --finding findings/ID.json`,
    )
    .action(async (options: BisectCommandOptions) => {
      process.exitCode = await run(options);
    });
}

/** Progress goes to standard error. */
function say(line: string): void {
  console.error(line);
}

async function run(options: BisectCommandOptions): Promise<number> {
  const [
    { bisect },
    { stepLine, answerLines },
    { loadScenarios },
    { strategiesNamed },
    { RunStore },
  ] = await Promise.all([
    import('../campaign/bisect.ts'),
    import('../campaign/bisect-report.ts'),
    import('../scenario/load.ts'),
    import('../seam/named.ts'),
    import('../reports/store.ts'),
  ]);
  requireSource(options);
  const wanted = await wantedBy(options.finding);
  const strategies = strategiesNamed(options.strategy ?? []);
  const scenarios = await loadScenarios(options.scenario ?? []);
  const interrupt = interruptible();
  const began = performance.now();
  const steps: BisectStep[] = [];
  let result: Bisection | undefined;
  const folder = options.out ?? defaultFolder();
  const makeFolder = await prepared(folder);
  try {
    const versions = await versionsOf(options, interrupt.signal, say);
    say(`${versions.length} builds, from ${versions[0] ?? ''} to ${versions.at(-1) ?? ''}`);
    result = await bisect({
      versions,
      good: options.good,
      bad: options.bad,
      wanted,
      open: (version) => opened(version, options, interrupt.signal, say),
      sweep: {
        scenarios,
        strategies,
        lossy: options.strategy !== undefined,
        cuts: options.cuts,
        seed: options.seed,
        concurrency: 8,
        sink: (version) => new RunStore(join(folder, fileName(version))),
      },
      signal: interrupt.signal,
      onStep: (step) => {
        steps.push(step);
        say(stepLine(step, steps.length));
      },
    });
  } finally {
    interrupt.release();
    await makeFolder.write(logOf(options, result, steps, (performance.now() - began) / 1000));
  }
  const seconds = (performance.now() - began) / 1000;
  console.log(
    options.json === true
      ? JSON.stringify(logOf(options, result, steps, seconds))
      : [...answerLines(result, steps, seconds), `log: ${join(folder, 'bisect.json')}`].join('\n'),
  );
  return result.skipped.length === 0 ? 0 : 3;
}

/** What is written and printed: the answer, if there is one, and every step. */
function logOf(
  { engine, good, bad, finding }: BisectCommandOptions,
  result: Bisection | undefined,
  steps: readonly BisectStep[],
  seconds: number,
): Record<string, unknown> {
  return {
    schemaVersion: 1,
    engine: engine ?? 'command',
    finding,
    good,
    bad,
    ...result,
    seconds,
    steps,
  };
}

function requireSource({ engine, command, build, versions }: BisectCommandOptions): void {
  if ((engine === undefined) === (command === undefined))
    throw new SeamstressError('usage', 'give either --engine or --command', {
      hint: 'For example --engine llama.cpp.',
    });
  if (command !== undefined && versions === undefined)
    throw new SeamstressError('usage', '--command needs --versions', {
      hint: 'Name the builds, oldest first, separated by commas.',
    });
  if (command !== undefined && build === undefined && !command.includes('{version}'))
    throw new SeamstressError('usage', 'nothing says which build to start', {
      hint: 'Write {version} into --command or --build.',
    });
}

async function versionsOf(
  { engine, versions, good, bad }: BisectCommandOptions,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<string[]> {
  const [{ publishedVersions, versionsBetween }, { parseEngine }] = await Promise.all([
    import('../engines/versions.ts'),
    import('../engines/engine.ts'),
  ]);
  const { name, version } = parseEngine(engine ?? 'llama.cpp');
  if (version !== undefined)
    throw new SeamstressError('usage', '--engine takes no version here', {
      hint: `Write --engine ${name}; --good and --bad say which builds.`,
    });
  const all = versions ?? (await publishedVersions(name, { signal, progress }));
  return versionsBetween(all, good, bad);
}

/** A file, the name of a cause, or a finding's id: the cause and six hexadecimal digits. */
async function wantedBy(text: string): Promise<Wanted> {
  const [{ CAUSE_NAMES }, { readFinding }, { suggest }] = await Promise.all([
    import('../diagnosis/causes.ts'),
    import('../reports/emit/source.ts'),
    import('../scenario/suggest.ts'),
  ]);
  const id = /^(.+)-[0-9a-f]{6}$/.exec(text)?.[1];
  const cause = CAUSE_NAMES.find((name) => name === text);
  if (cause !== undefined) return { kind: 'cause', cause };
  const ofId = CAUSE_NAMES.find((name) => name === id);
  if (ofId !== undefined && !existsSync(text)) return { kind: 'cause', cause: ofId, id: text };
  if (!existsSync(text)) {
    const near = suggest(text, CAUSE_NAMES);
    throw new SeamstressError('usage', `"${text}" is no file, no cause and no finding's id`, {
      hint:
        near === undefined
          ? 'Give a file of a run’s findings folder, or the name of a cause such as separator-rebuilt.'
          : `Did you mean ${near}?`,
    });
  }
  return { kind: 'finding', finding: readFinding(text) };
}

/** Gets a build, starts it and connects to it. */
async function opened(
  version: string,
  options: BisectCommandOptions,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<OpenTarget> {
  const { openTarget } = await import('./target.ts');
  await built(version, options, signal, progress);
  const shared: TargetOptions = {
    dialect: options.dialect,
    ...(options.engineModel === undefined ? {} : { engineModel: options.engineModel }),
    ...(options.chatTemplate === undefined ? {} : { chatTemplate: options.chatTemplate }),
    ...(options.tokenizer === undefined ? {} : { tokenizer: options.tokenizer }),
  };
  const source =
    options.command === undefined
      ? { engine: `${options.engine}@${version}` }
      : { engineCommand: await filled(options.command, version) };
  return await openTarget({ ...shared, ...source }, options.seed, signal, progress);
}

async function filled(command: string, version: string): Promise<string> {
  const { fillIn } = await import('../engines/command.ts');
  return fillIn(command, { version });
}

/** Runs the build command to its end. */
async function built(
  version: string,
  { build }: BisectCommandOptions,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<void> {
  if (build === undefined) return;
  const [{ runTool }, { withHeartbeat }, { throwIfStopped }] = await Promise.all([
    import('../engines/tool.ts'),
    import('../engines/heartbeat.ts'),
    import('../engines/stop-early.ts'),
  ]);
  const command = await filled(build, version);
  const [program, args] =
    process.platform === 'win32'
      ? ['cmd', ['/d', '/s', '/c', command]]
      : ['/bin/sh', ['-c', command]];
  const result = await withHeartbeat(
    `building ${version}`,
    progress,
    () => runTool(program, args, { signal }),
    30_000,
  );
  throwIfStopped(signal, `building ${version}`);
  if (result.code === 0) return;
  const said = `${result.stdout}\n${result.stderr}`.trim().split('\n').at(-1) ?? '';
  throw new SeamstressError(
    'engine',
    `the build command ended with status ${result.code ?? 'unknown'}: ${said.slice(0, 300)}`,
  );
}

/** Makes the folder, so that one that cannot be written is told before a build is started. */
async function prepared(
  folder: string,
): Promise<{ write(log: Record<string, unknown>): Promise<void> }> {
  const { mkdir } = await import('node:fs/promises');
  const failed = (error: unknown): never => {
    throw new SeamstressError('output', `cannot write to ${folder}: ${messageOf(error)}`, {
      hint: 'Give another folder with --out.',
      cause: error,
    });
  };
  await mkdir(folder, { recursive: true }).catch(failed);
  return {
    write: (log) =>
      writeFile(join(folder, 'bisect.json'), `${JSON.stringify(log, undefined, 2)}\n`).catch(
        failed,
      ),
  };
}

function fileName(version: string): string {
  return version.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^\.+/, '') || 'build';
}

function defaultFolder(): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(':', '').replace('T', '-');
  return join('reports', `${time}-bisect`);
}
