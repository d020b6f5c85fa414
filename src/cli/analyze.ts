/** `seamstress analyze`: judge a run again from its record alone. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { FAILING } from '../checks/verdict.ts';
import { SeamstressError } from '../errors.ts';
import { parseJson } from '../parse-json.ts';
import type { SeamLine } from '../reports/record.ts';
import { visible } from '../tokens/text.ts';
import { exitStatusOf } from './exit.ts';
import { withHops } from './outcome.ts';

interface AnalyzeOptions {
  readonly out?: string;
  readonly json?: boolean;
}

export function analyzeCommand(): Command {
  return new Command('analyze')
    .summary('judge a run again, without a server')
    .description(
      'Derives the checks, the diagnosis and the findings of a run again from its tape, with the rules of this version, and says what is judged differently now.',
    )
    .argument('<run>', 'the folder of a run')
    .option('--out <folder>', 'write the new record there')
    .option('--json', 'print the new record, what changed and what the tape lacks')
    .action(async (folder: string, options: AnalyzeOptions) => {
      process.exitCode = await analyze(folder, options);
    });
}

async function analyze(folder: string, options: AnalyzeOptions): Promise<number> {
  const [{ analyzeRun }, { NOWHERE, RunStore }, { terminalReport }, { journalLines }] =
    await Promise.all([
      import('../campaign/again.ts'),
      import('../reports/store.ts'),
      import('../reports/terminal/terminal.ts'),
      import('../reports/emit/source.ts'),
    ]);
  const lines: Judged[] = [];
  const sink =
    options.out === undefined
      ? { ...NOWHERE, findingPath: (id: string) => join(folder, 'findings', `${id}.json`) }
      : new RunStore(options.out);
  const { record, missing } = await analyzeRun(folder, sink, (event) => {
    if (event.kind === 'seam') lines.push(judgedOf(event.line));
  });
  requireJournal(folder);
  const changed = changesOf(journalLines(folder), lines);
  if (options.json === true) console.log(JSON.stringify({ record, changed, missing }));
  else {
    process.stdout.write(terminalReport(record, options.out ?? folder));
    console.log(changed.length === 0 ? '\nevery seam is judged as it was' : '');
    for (const { seam, was, is } of changed.slice(0, SHOWN))
      console.log(`changed: ${visible(seam)}: was ${visible(was)}, is ${visible(is)}`);
    if (changed.length > SHOWN) console.log(`… and ${changed.length - SHOWN} more`);
    if (missing > 0) console.log(`the tape lacks ${missing} answers that today's checks ask for`);
  }
  return await withHops(record, exitStatusOf(record, FAILING), FAILING, options.json === true);
}

/** Changed seams that are listed. */
const SHOWN = 20;

interface Judged {
  readonly seam: string;
  readonly verdict: string;
}

interface Change {
  readonly seam: string;
  readonly was: string;
  readonly is: string;
}

function judgedOf(line: SeamLine): Judged {
  const pauses = line.pauses === undefined ? '' : ` after pauses at ${line.pauses.join(', ')}`;
  return {
    seam: `${line.scenario}, ${line.strategy}, ${line.k} of ${line.n} tokens${pauses}`,
    verdict: [line.verdict, line.cause, line.detail].filter((part) => part).join(' '),
  };
}

function requireJournal(folder: string): void {
  const path = join(folder, 'seams.ndjson');
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true)
    throw new SeamstressError('config', `there is no ${path}`, {
      hint: 'Give the folder of a run.',
    });
}

/** The journal of the run beside the new one; both are in the order of the plan. */
function changesOf(journal: Iterable<string>, now: readonly Judged[]): Change[] {
  const changes: Change[] = [];
  let i = 0;
  for (const text of journal) {
    const was = lineIn(text);
    const is = now[i++];
    if (
      was !== undefined &&
      is !== undefined &&
      (was.seam !== is.seam || was.verdict !== is.verdict)
    )
      changes.push({ seam: is.seam, was: was.verdict, is: is.verdict });
  }
  return changes;
}

/** Undefined for a line that is none. */
function lineIn(text: string): Judged | undefined {
  try {
    return judgedOf(parseJson(text) as SeamLine);
  } catch {
    return undefined;
  }
}
