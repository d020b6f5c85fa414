/** `seamstress baseline`: makes a file of known findings from a run, or holds a run against one. */
import { Command } from 'commander';
import { SeamstressError } from '../errors.ts';

interface BaselineOptions {
  readonly check?: string;
  readonly reason?: string;
  readonly owner?: string;
  readonly expires?: string;
  readonly out?: string;
  readonly json?: boolean;
}

export function baselineCommand(): Command {
  return new Command('baseline')
    .summary('make or check a file of known findings')
    .description(
      'Writes a baseline that knows all findings of a stored run; edit it by hand to narrow it. With --check, holds the run against a baseline instead: exit status 1 when something is new.',
    )
    .argument('<run>', 'a folder of a run, or its run.json')
    .option('--reason <text>', 'why the findings are known')
    .option('--owner <link>', 'who or what looks after them: https://… or mailto:…')
    .option('--expires <day>', 'the last day on which they count as known: YYYY-MM-DD')
    .option('--out <file>', 'where the baseline goes (default: standard output)')
    .option('--check <file>', 'the baseline to hold the run against')
    .option('--json', 'with --check: print the result as JSON')
    .action(async (path: string, options: BaselineOptions) => {
      process.exitCode = await (options.check === undefined
        ? write(path, options)
        : check(path, options.check, options.json === true));
    });
}

async function write(path: string, options: BaselineOptions): Promise<number> {
  const { reason, owner, expires, out } = options;
  if (reason === undefined || owner === undefined || expires === undefined)
    throw new SeamstressError('usage', 'a known finding needs a reason, an owner and an expiry', {
      hint: 'Give --reason, --owner and --expires, or --check FILE.',
    });
  const [{ baselineOf }, { loadRun }, { writeText }] = await Promise.all([
    import('../reports/baseline/file.ts'),
    import('../reports/diff/load.ts'),
    import('../reports/diff/emit.ts'),
  ]);
  const text = baselineOf(loadRun(path).record, { reason, owner, expires });
  if (out === undefined) process.stdout.write(text);
  else writeText(out, text);
  return 0;
}

async function check(path: string, file: string, json: boolean): Promise<number> {
  const [
    { loadBaseline },
    { applyBaseline, withoutKnown },
    { loadRun },
    { baselineLines },
    { exitStatusOf },
  ] = await Promise.all([
    import('../reports/baseline/file.ts'),
    import('../reports/baseline/baseline.ts'),
    import('../reports/diff/load.ts'),
    import('../reports/baseline/words.ts'),
    import('./exit.ts'),
  ]);
  const { record } = loadRun(path);
  const applied = applyBaseline(record, await loadBaseline(file), new Date());
  console.log(
    json
      ? JSON.stringify({
          ...applied,
          known: applied.known.map(({ finding }) => finding.id),
          fresh: applied.fresh.map(({ finding, why, places }) => ({ id: finding.id, why, places })),
        })
      : baselineLines(applied).join('\n'),
  );
  return exitStatusOf(
    withoutKnown(record, applied),
    new Set(['drift', 'diverged', 'rejected'] as const),
  );
}
