/** `seamstress report`: the reports of a stored run. */
import { Command } from 'commander';
import { SeamstressError } from '../errors.ts';

interface ReportOptions {
  readonly report: readonly string[];
  readonly history?: string;
  readonly json?: boolean;
}

export function reportCommand(): Command {
  return new Command('report')
    .summary('write the reports of a stored run')
    .description(
      'Writes reports of a run that was stored, from its record alone. Without --report it prints the summary. Exit status 0 once they are written, whatever the run found.',
    )
    .argument('[run]', 'a run’s folder, or its run.json')
    .option(
      '--report <kind=path>',
      'html, markdown, github, summary, junit, json, ndjson or terminal; "-" is standard output; repeatable',
      (text: string, before: readonly string[]) => [...before, text],
      [],
    )
    .option(
      '--history <folder>',
      'instead of one run: all runs of a folder over time, one row an engine; html, json or terminal',
    )
    .option('--json', 'the same as --report json=-')
    .addHelpText(
      'after',
      `
Examples:
  seamstress report reports/latest --report html=report.html --report markdown=comment.md
  seamstress report reports/latest --report github=-
  seamstress report reports/latest --report summary="$GITHUB_STEP_SUMMARY"
  seamstress report --history reports --report html=history.html`,
    )
    .action(async (run: string | undefined, options: ReportOptions) => {
      if (options.history === undefined && run !== undefined) await report(run, options);
      else await history(run, options);
    });
}

async function report(path: string, options: ReportOptions): Promise<void> {
  const [{ parseReportSpecs, writeReports }, { readRun }] = await Promise.all([
    import('../reports/emit/emit.ts'),
    import('../reports/emit/source.ts'),
  ]);
  const asked = [...options.report, ...(options.json === true ? ['json=-'] : [])];
  const specs = parseReportSpecs(asked.length === 0 ? ['terminal=-'] : asked);
  const { record, folder } = readRun(path);
  try {
    await writeReports(specs, record, folder);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SeamstressError('config', `${path} is too large or too deeply nested to report`, {
      hint: 'Give a run that seamstress run wrote.',
      cause: error,
    });
  }
}

async function history(run: string | undefined, options: ReportOptions): Promise<void> {
  if (options.history === undefined)
    throw new SeamstressError('usage', "missing required argument 'run'", {
      hint: 'Give the folder of a run, or --history and a folder of runs.',
    });
  if (run !== undefined)
    throw new SeamstressError('usage', 'give a run or --history, not both', {
      hint: 'A history has all runs of its folder.',
    });
  const { writeHistory } = await import('../reports/history/emit.ts');
  const asked = [...options.report, ...(options.json === true ? ['json=-'] : [])];
  writeHistory(options.history, asked);
}
