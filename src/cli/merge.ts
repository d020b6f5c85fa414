/** `seamstress merge`: the shards of a run put together. */
import { Command } from 'commander';
import { outcomeOf, withOutcome, type OutcomeOptions } from './outcome.ts';

interface MergeOptions extends OutcomeOptions {
  readonly out: string;
}

export function mergeCommand(): Command {
  const command = new Command('merge')
    .summary('put the shards of a run together')
    .description(
      'Makes of the shards of a run (run --shard I/N) the run that one machine would have made. A missing, doubled, unfinished or foreign shard is refused.',
    )
    .argument('<run...>', 'the folders of all shards')
    .requiredOption('--out <folder>', 'where the whole run is written');
  return withOutcome(command).action(async (folders: string[], options: MergeOptions) => {
    process.exitCode = await merge(folders, options);
  });
}

async function merge(folders: readonly string[], options: MergeOptions): Promise<number> {
  const [{ mergeRuns }, { RunStore }] = await Promise.all([
    import('../campaign/again.ts'),
    import('../reports/store.ts'),
  ]);
  const outcome = await outcomeOf(options);
  const { record, missing } = await mergeRuns(
    folders,
    () => new RunStore(options.out),
    outcome.listener,
  );
  const status = await outcome.finish(record, options.out);
  if (missing > 0)
    console.error(`the shards lack ${missing} answers: their servers did not answer alike`);
  return missing > 0 ? 3 : status;
}
