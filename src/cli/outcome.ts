/** What is made of a record at the end of every command that has one: summary, reports, exit status. */
import { Option, type Command } from 'commander';
import type { RunListener } from '../campaign/events.ts';
import { VERDICTS, type Verdict } from '../checks/verdict.ts';
import { SeamstressError } from '../errors.ts';
import type { RunRecord } from '../reports/record.ts';
import { exitStatusOf } from './exit.ts';
import { list } from './options.ts';

export interface OutcomeOptions {
  readonly failOn: readonly string[];
  readonly report?: readonly string[];
  readonly baseline?: string;
  readonly json?: boolean;
}

export function withOutcome(command: Command): Command {
  return command
    .option(
      '--report <kind=path>',
      'html, markdown, github, summary, junit, json, ndjson or terminal; "-" is standard output; repeatable',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    )
    .option('--baseline <file>', 'known findings; only others give exit status 1')
    .addOption(
      new Option('--fail-on <verdicts>', 'verdicts of findings that give exit status 1')
        .argParser((text: string) => list(text, undefined))
        .default(['drift', 'diverged', 'rejected'], 'drift,diverged,rejected'),
    )
    .option('--json', 'print the run record on standard output');
}

export interface Outcome {
  /** Writes events as they happen, where that was asked for. */
  readonly listener: RunListener;
  /**
   * To be called when the run's own folder is there, before the work begins.
   *
   * @throws {SeamstressError} `output` for a report that has no folder to be written to
   */
  requirePlaces(): void;
  /** Prints and writes everything; gives the exit status. */
  finish(record: RunRecord, folder: string): Promise<number>;
}

/**
 * Reads the options, so that what is wrong with them is said before the work begins.
 *
 * @throws {SeamstressError} `usage`, `config` or `output`
 */
export async function outcomeOf(options: OutcomeOptions): Promise<Outcome> {
  const failOn = verdictsNamed(options.failOn);
  const [{ parseReportSpecs, requirePlace, writeReports }, { eventSink }, { terminalReport }] =
    await Promise.all([
      import('../reports/emit/emit.ts'),
      import('../reports/emit/events.ts'),
      import('../reports/terminal/terminal.ts'),
    ]);
  const specs = parseReportSpecs(options.report ?? []);
  const silent = options.json === true || specs.some(({ path }) => path === '-');
  if (options.json === true && specs.some(({ path }) => path === '-'))
    throw new SeamstressError(
      'usage',
      '--json and a report to standard output exclude each other',
      {
        hint: 'Give the report a file, or leave --json out.',
      },
    );
  const baseline =
    options.baseline === undefined
      ? undefined
      : await (await import('../reports/baseline/file.ts')).loadBaseline(options.baseline);
  const sinks = specs.filter(({ kind }) => kind === 'ndjson').map(({ path }) => eventSink(path));
  return {
    listener: (event) => {
      for (const sink of sinks) sink.listener(event);
    },
    requirePlaces: () => specs.forEach(requirePlace),
    finish: async (record, folder) => {
      for (const sink of sinks) sink.close();
      if (options.json === true) process.stdout.write(`${JSON.stringify(record)}\n`);
      else if (!silent) process.stdout.write(terminalReport(record, folder));
      await writeReports(
        specs.filter(({ kind }) => kind !== 'ndjson'),
        record,
        folder,
      );
      const left = baseline === undefined ? record : await withBaseline(record, baseline, silent);
      return await withHops(record, exitStatusOf(left, failOn), failOn, silent);
    },
  };
}

/** The record without what is known, and what the baseline has to say. */
async function withBaseline(
  record: RunRecord,
  baseline: Parameters<typeof import('../reports/baseline/baseline.ts').applyBaseline>[1],
  silent: boolean,
): Promise<RunRecord> {
  const [{ applyBaseline, withoutKnown }, { baselineLines }] = await Promise.all([
    import('../reports/baseline/baseline.ts'),
    import('../reports/baseline/words.ts'),
  ]);
  const applied = applyBaseline(record, baseline, new Date());
  const text = `${baselineLines(applied).join('\n')}\n`;
  if (silent) process.stderr.write(text);
  else process.stdout.write(`\n${text}`);
  return withoutKnown(record, applied);
}

/** Prints what a gateway did, and gives the exit status: its harm is a finding too. */
export async function withHops(
  record: RunRecord,
  status: number,
  failOn: ReadonlySet<Verdict>,
  silent: boolean,
): Promise<number> {
  if (record.hops === undefined) return status;
  const { hopsReport, hopsStatus } = await import('../reports/hops.ts');
  if (!silent) process.stdout.write(`\n${hopsReport(record.hops)}`);
  return status === 0 ? hopsStatus(record.hops, failOn) : status;
}

function verdictsNamed(names: readonly string[]): Set<Verdict> {
  return new Set(
    names.map((name) => {
      const verdict = VERDICTS.find((known) => known === name);
      if (verdict === undefined)
        throw new SeamstressError('usage', `there is no verdict "${name}"`, {
          hint: `Verdicts: ${VERDICTS.join(', ')}.`,
        });
      return verdict;
    }),
  );
}
