/** `seamstress selftest`: does the harness find what is planted, and name it? */
import { Command } from 'commander';
import type { Selftest, TrialResult } from '../campaign/selftest.ts';
import { interruptible } from './interrupt.ts';
import { integer, list } from './options.ts';

interface SelftestCommandOptions {
  readonly fault?: readonly string[];
  readonly pairs?: boolean;
  readonly seeds: number;
  readonly seed: number;
  readonly json?: boolean;
}

export function selftestCommand(): Command {
  return new Command('selftest')
    .summary('try the harness on faults that are known')
    .description(
      'Plants each fault into the embedded server, runs a campaign, and holds the diagnosis against it; correct servers, with and without numeric noise, must give no finding.',
    )
    .option(
      '--fault <name>',
      'try this fault only, as NAME or NAME@RATE; repeatable (default: all)',
      list,
    )
    .option('--pairs', 'also plant faults two at a time: all pairs of --fault, else a selection')
    .option(
      '--seeds <number>',
      'correct servers tested, with and without noise',
      integer(0, 1000),
      5,
    )
    .option(
      '--seed <number>',
      'of the first server; each further one takes the next',
      integer(0, 2 ** 30),
      1,
    )
    .option('--json', 'print the results on standard output as JSON')
    .action(async (options: SelftestCommandOptions) => {
      process.exitCode = await run(options);
    });
}

async function run(options: SelftestCommandOptions): Promise<number> {
  const [{ selftest }, { FAULTS, parseFault }, { pairsOf, PAIRED }, { selftestReport, trialLine }] =
    await Promise.all([
      import('../campaign/selftest.ts'),
      import('../reference/faults.ts'),
      import('../campaign/selftest-pairs.ts'),
      import('../campaign/selftest-report.ts'),
    ]);
  const named = options.fault?.map(parseFault);
  const faults = named ?? Object.keys(FAULTS).map(parseFault);
  const pairs = options.pairs === true ? pairsOf(named ?? PAIRED.map(parseFault)) : [];
  const interrupt = interruptible();
  const started = performance.now();
  const tell = (result: TrialResult): void => {
    if (process.stderr.isTTY) process.stderr.write(`${trialLine(result)}\n`);
  };
  try {
    const result: Selftest = await selftest(
      { faults, pairs, seeds: options.seeds, seed: options.seed, signal: interrupt.signal },
      tell,
    );
    const seconds = (performance.now() - started) / 1000;
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify({ ...result, seconds })}\n`
        : selftestReport(result, seconds),
    );
    return result.short.length === 0 ? 0 : 1;
  } catch (error) {
    if (interrupt.signal.aborted) return 130;
    throw error;
  } finally {
    interrupt.release();
  }
}
