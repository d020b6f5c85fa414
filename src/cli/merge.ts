/** `seamstress merge`: the shards of a run put together. */
import { Command } from 'commander';
import { FAILING } from '../checks/verdict.ts';
import { exitStatusOf } from './exit.ts';

interface MergeOptions {
  readonly out: string;
  readonly json?: boolean;
}

export function mergeCommand(): Command {
  return new Command('merge')
    .summary('put the shards of a run together')
    .description(
      'Makes of the shards of a run (run --shard I/N) the run that one machine would have made. A missing, doubled, unfinished or foreign shard is refused.',
    )
    .argument('<run...>', 'the folders of all shards')
    .requiredOption('--out <folder>', 'where the whole run is written')
    .option('--json', 'print the run record on standard output')
    .action(async (folders: string[], options: MergeOptions) => {
      process.exitCode = await merge(folders, options);
    });
}

async function merge(folders: readonly string[], options: MergeOptions): Promise<number> {
  const [{ mergeRuns }, { RunStore }, { terminalReport }] = await Promise.all([
    import('../campaign/again.ts'),
    import('../reports/store.ts'),
    import('../reports/terminal.ts'),
  ]);
  const { record, missing } = await mergeRuns(
    folders,
    () => new RunStore(options.out),
    () => {},
  );
  process.stdout.write(
    options.json === true ? `${JSON.stringify(record)}\n` : terminalReport(record, options.out),
  );
  if (missing > 0)
    console.error(`the shards lack ${missing} answers: their servers did not answer alike`);
  return missing > 0 ? 3 : exitStatusOf(record, FAILING);
}
