/** `seamstress diff`: what is new, fixed or changed between two runs. */
import { Command } from 'commander';
import { SeamstressError } from '../errors.ts';

interface DiffOptions {
  readonly report: readonly string[];
  readonly baseline?: string;
  readonly json?: boolean;
}

export function diffCommand(): Command {
  return new Command('diff')
    .summary('what is new between two runs')
    .description(
      'Compares two stored runs: new, fixed, changed and unchanged findings, verdict rates with their intervals, recipes and cost. What only one of them tested is told, not compared.',
    )
    .argument('<a>', 'the earlier run: a folder, or its run.json')
    .argument('<b>', 'the later run')
    .option(
      '--report <kind=path>',
      'markdown, html, json or terminal; "-" is standard output; repeatable',
      (text: string, before: readonly string[]) => [...before, text],
      [],
    )
    .option('--baseline <file>', 'new findings that this file knows are told, and do not count')
    .option('--json', 'print the diff as JSON')
    .addHelpText(
      'after',
      `
Exit status: 0 nothing new, 1 something new, 2 the runs cannot be compared, 3 one of them is not conclusive.`,
    )
    .action(async (a: string, b: string, options: DiffOptions) => {
      process.exitCode = await run(a, b, options);
    });
}

async function run(a: string, b: string, options: DiffOptions): Promise<number> {
  const [{ diffRuns }, { loadRun }, { doubts, newsOf }, { parseDiffReports, writeDiff }] =
    await Promise.all([
      import('../reports/diff/diff.ts'),
      import('../reports/diff/load.ts'),
      import('../reports/diff/words.ts'),
      import('../reports/diff/emit.ts'),
    ]);
  const specs = parseDiffReports([...options.report, ...(options.json === true ? ['json=-'] : [])]);
  const [left, right] = [loadRun(a), loadRun(b)];
  let diff = await diffRuns(left, right);
  if (options.baseline !== undefined) {
    const [{ loadBaseline }, { applyBaseline }, { markKnown }] = await Promise.all([
      import('../reports/baseline/file.ts'),
      import('../reports/baseline/baseline.ts'),
      import('../reports/diff/known.ts'),
    ]);
    const baseline = await loadBaseline(options.baseline);
    diff = markKnown(diff, applyBaseline(right.record, baseline, new Date()));
  }
  const toTerminal = specs.some(({ path }) => path === '-');
  writeDiff(toTerminal ? specs : [...specs, { kind: 'terminal', path: '-' }], diff);
  const unsure = doubts(diff);
  if (unsure.length > 0)
    throw new SeamstressError('target', unsure.join('; '), {
      hint: 'Compare runs that did all they had planned; seamstress run --resume goes on with one.',
    });
  return newsOf(diff).length > 0 ? 1 : 0;
}
