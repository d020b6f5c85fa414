/** `seamstress run`: a campaign against a target. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { BudgetLimits } from '../campaign/budget.ts';
import { SeamstressError } from '../errors.ts';
import type { ViaOfRun } from './hops.ts';
import { interruptible } from './interrupt.ts';
import {
  cutCount,
  duration,
  integer,
  list,
  shard,
  withTarget,
  withVia,
  type Shard,
} from './options.ts';
import { outcomeOf, withOutcome, type OutcomeOptions } from './outcome.ts';
import { Progress } from './progress.ts';
import type { OpenTarget } from './target.ts';
import { originOf, targetOf, type TargetOptions } from './origin.ts';

interface RunOptions extends TargetOptions, OutcomeOptions {
  readonly mode: 'sweep' | 'fuzz';
  readonly cuts: 'all' | number;
  readonly cases: number;
  readonly compare: number;
  readonly strategy?: readonly string[];
  readonly seed?: number;
  readonly maxTime?: number;
  readonly concurrency: number;
  readonly out?: string;
  readonly shard?: Shard;
  readonly resume?: string;
  readonly maxRequests?: number;
  readonly maxTokensTotal?: number;
  readonly tape: boolean;
}

export function runCommand(): Command {
  const command = new Command('run')
    .summary('cut, resume and compare')
    .description('Generates each scenario, cuts it, resumes it with every strategy, and compares.')
    .argument(
      '[scenario...]',
      'scenario files, folders of them, or the name of a built-in pack (default: thinker)',
    );
  return withOutcome(withVia(withTarget(command)))
    .addOption(
      new Option('--mode <mode>', 'sweep tests every cut, fuzz draws cases')
        .choices(['sweep', 'fuzz'])
        .default('sweep'),
    )
    .option('--cuts <number>', 'sweep: cuts of each scenario, or "all"', cutCount, 'all')
    .option('--cases <number>', 'fuzz: cases at most', integer(1), 500)
    .option(
      '--compare <tokens>',
      'tokens compared after a cut, where the resume is not run to its end; 0 compares prompts alone',
      integer(0, 100_000),
      24,
    )
    .option('--strategy <name>', 'resume in this way only; repeatable', list)
    .option(
      '--seed <number>',
      'makes every choice repeatable (default: random)',
      integer(0, 2 ** 31 - 1),
    )
    .option('--max-time <time>', 'end in good order after this time, e.g. 5m', duration)
    .option('--concurrency <number>', 'seams judged at once', integer(1, 1024), 8)
    .option(
      '--shard <i/n>',
      'judge share I of N only, e.g. 2/4; merge puts the shares together; needs --seed',
      shard,
    )
    .option(
      '--resume <folder>',
      'go on with the run of that folder, which ended early; its plan and its target are kept',
    )
    .option(
      '--max-requests <number>',
      'requests at most; then the run ends in good order',
      integer(1),
    )
    .option(
      '--max-tokens-total <number>',
      'tokens of prompts and answers at most; then the run ends in good order',
      integer(1),
    )
    .option('--no-tape', 'keep no tape: the run can then not be gone on with, merged or analyzed')
    .option(
      '--out <folder>',
      'where the run is written, in place of one that is there (default: reports/<time>-<target>)',
    )
    .addHelpText(
      'after',
      `
Examples:
  seamstress run --target reference
  seamstress run --engine llama.cpp --cuts all
  seamstress run --engine llama.cpp@2026.4.8929 --strategy reasoning-field
  seamstress run --target http://127.0.0.1:8080 --mode fuzz --max-time 5m
  seamstress run --engine vllm --seed 7 --shard 2/4 --out shard-2
  seamstress run --resume reports/latest`,
    )
    .action(async (scenarios: string[], options: RunOptions, self: Command) => {
      process.exitCode =
        options.resume === undefined
          ? await run(scenarios, options, self)
          : await goOn(scenarios, options.resume, options, self);
    });
}

async function run(
  paths: readonly string[],
  options: RunOptions,
  command: Command,
): Promise<number> {
  const [
    { loadScenarios },
    { strategiesNamed },
    { hasPrompt },
    { runCampaign },
    { RunStore, withoutTape },
    { openTarget },
    { isTextLevel },
  ] = await Promise.all([
    import('../scenario/load.ts'),
    import('../seam/named.ts'),
    import('../seam/strategy.ts'),
    import('../campaign/run.ts'),
    import('../reports/store.ts'),
    import('./target.ts'),
    import('../dialects/text-level-strength.ts'),
  ]);
  const outcome = await outcomeOf(options);
  if (options.shard !== undefined && options.seed === undefined)
    throw new SeamstressError('usage', '--shard needs --seed', {
      hint: 'All shards must make the same choices: give each the same --seed.',
    });
  if (options.compare === 0 && options.mode === 'fuzz')
    throw new SeamstressError('usage', '--compare 0 compares prompts alone; --mode fuzz resumes', {
      hint: 'Give it with --mode sweep, where every cut is tested.',
    });
  const strategies = strategiesNamed(options.strategy ?? []);
  const silent = strategies.filter((strategy) => !hasPrompt(strategy)).map(({ name }) => name);
  if (options.compare === 0 && options.strategy !== undefined && silent.length > 0)
    throw new SeamstressError(
      'usage',
      `--compare 0 compares prompts alone, and ${silent.join(', ')} can be judged by the output only`,
      { hint: 'Name other strategies, or leave --compare out.' },
    );
  const scenarios = await loadScenarios(paths);
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
  const started = new Date();
  const replaced = options.out !== undefined && existsSync(join(options.out, 'run.json'));
  let store = options.out === undefined ? undefined : new RunStore(options.out);
  const interrupt = interruptible();
  const progress = new Progress();
  const note = (line: string): void => progress.line(line);
  if (replaced) note(`${options.out} holds a run, which will be replaced`);
  let open: OpenTarget | undefined;
  let via: ViaOfRun | undefined;
  try {
    open = await openTarget(options, seed, interrupt.signal, note);
    if (options.via !== undefined)
      via = await (
        await import('./hops.ts')
      ).viaOfRun(
        { via: options.via, shard: options.shard, limited: isLimited(options), scenarios },
        open.target,
        interrupt.signal,
        note,
      );
    store ??= new RunStore(defaultFolder(started, open.name));
    outcome.requirePlaces();
    const few = isTextLevel(open.target) && command.getOptionValueSource('cuts') !== 'cli';
    if (few)
      note(
        `every seam costs a generation here: ${FEW_CUTS} cuts of each scenario; --cuts sets more`,
      );
    const record = await runCampaign(
      open.target,
      {
        scenarios,
        strategies,
        lossy: options.strategy !== undefined,
        mode: options.mode,
        cuts: few ? FEW_CUTS : options.cuts,
        cases: options.cases,
        compare: options.compare,
        concurrency: options.concurrency,
        seed,
        maxTimeMs: options.maxTime,
        signal: interrupt.signal,
        shard: options.shard,
        tokenizer: open.tokenizer,
        budget: budgetOf(options),
        lastly: via?.lastly,
        origin: originOf(options),
      },
      options.tape ? store : withoutTape(store),
      (event) => {
        progress.event(event);
        outcome.listener(event);
      },
    );
    return await outcome.finish(record, store.folder);
  } finally {
    store?.leave();
    await via?.close();
    await open?.close();
    interrupt.release();
  }
}

/** Cuts of each scenario where every seam costs a generation, unless told otherwise. */
const FEW_CUTS = 8;

function budgetOf({ maxRequests, maxTokensTotal }: RunOptions): BudgetLimits {
  return { maxRequests, maxTokens: maxTokensTotal };
}

function isLimited({ maxRequests, maxTokensTotal }: RunOptions): boolean {
  return maxRequests !== undefined || maxTokensTotal !== undefined;
}

/** Options that say what was run; a run that goes on has them already. */
const PLAN = ['mode', 'cuts', 'cases', 'compare', 'strategy', 'seed', 'shard', 'out'] as const;

async function goOn(
  paths: readonly string[],
  folder: string,
  options: RunOptions,
  command: Command,
): Promise<number> {
  const given = PLAN.find((name) => command.getOptionValueSource(name) === 'cli');
  if (given !== undefined || paths.length > 0)
    throw new SeamstressError(
      'usage',
      `--resume keeps the plan of the run; it takes no ${given === undefined ? 'scenarios' : `--${given}`}`,
      { hint: 'Only the target, limits and what is done with the result can be given with it.' },
    );
  const [{ continueRun, headerOfRun, recordOfRun, viaOf }, { openTarget }, { lacksHops }] =
    await Promise.all([
      import('../campaign/again.ts'),
      import('./target.ts'),
      import('../campaign/hop-record.ts'),
    ]);
  const outcome = await outcomeOf(options);
  const header = headerOfRun(folder);
  const before = recordOfRun(folder);
  const via = options.via ?? viaOf(header);
  const { shard: share, scenarios } = header.plan;
  const left = via !== undefined && (share?.index ?? 1) === 1 && lacksHops(before ?? {});
  if (before !== undefined && before.interrupted === undefined && !left)
    throw new SeamstressError('usage', `the run in ${folder} was not interrupted`, {
      hint: 'seamstress analyze judges it again from its record.',
    });
  const interrupt = interruptible();
  const progress = new Progress();
  const note = (line: string): void => progress.line(line);
  const same = { ...options, ...targetOf(header.options ?? {}, options, command, note) };
  const open = await openTarget(same, header.plan.seed, interrupt.signal, note);
  let ending: ViaOfRun | undefined;
  try {
    const kept = options.via !== undefined || left ? undefined : before?.hops;
    if (via !== undefined || kept !== undefined)
      ending = await (
        await import('./hops.ts')
      ).viaOfRun(
        { via, shard: share, limited: isLimited(options), kept, scenarios },
        open.target,
        interrupt.signal,
        note,
      );
    outcome.requirePlaces();
    const record = await continueRun(
      folder,
      open.target,
      {
        concurrency: options.concurrency,
        maxTimeMs: options.maxTime,
        budget: budgetOf(options),
        tokenizer: open.tokenizer,
        lastly: ending?.lastly,
        via: options.via,
        signal: interrupt.signal,
      },
      (event) => {
        progress.event(event);
        outcome.listener(event);
      },
    );
    return await outcome.finish(record, folder);
  } finally {
    await ending?.close();
    await open.close();
    interrupt.release();
  }
}

function defaultFolder(started: Date, name: string): string {
  const time = started.toISOString().slice(0, 19).replaceAll(':', '').replace('T', '-');
  return join('reports', `${time}-${name}`);
}
