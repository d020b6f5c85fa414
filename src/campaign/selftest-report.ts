/** The self-test's result as text: the confusion matrix, the false alarms, what is short. */
import type { Selftest, TrialResult } from './selftest.ts';

/** One line for a trial. */
export function trialLine(result: TrialResult): string {
  const mark = isGood(result) ? '✓' : '✗';
  return `${mark} ${nameOf(result)} → ${diagnosedOf(result)}`;
}

/** The whole result; ends with a line break. */
export function selftestReport(result: Selftest, seconds: number): string {
  const { alone, underNoise, pairs, correct, short } = result;
  const lines: string[] = [];
  const section = (title: string, results: readonly TrialResult[]): void => {
    if (results.length === 0) return;
    const width = Math.max(...results.map((trial) => nameOf(trial).length));
    lines.push('', title);
    for (const trial of results)
      lines.push(
        `  ${isGood(trial) ? '✓' : '✗'} ${nameOf(trial).padEnd(width)}  ${diagnosedOf(trial)}`,
      );
  };
  section('planted → diagnosed (seams)', alone);
  section('under numeric noise', underNoise);
  section('in pairs', pairs);
  lines.push('', ...summaryOf(result));
  if (short.length > 0) lines.push('', 'short of the goal', ...short.map((line) => `  ${line}`));
  const trials = [...alone, ...underNoise, ...pairs, ...correct.quiet, ...correct.noisy];
  const seams = trials.reduce((total, trial) => total + trial.seams, 0);
  lines.push('', `${trials.length} runs, ${seams} seams, ${Math.round(seconds)} s`);
  return `${lines.slice(1).join('\n')}\n`;
}

function summaryOf({ alone, underNoise, pairs, correct }: Selftest): string[] {
  return [
    ...(alone.length > 0 ? [`alone         ${caught(alone)}`] : []),
    ...(underNoise.length > 0 ? [`under noise   ${caught(underNoise)}`] : []),
    ...(pairs.length > 0 ? [`in pairs      ${caught(pairs)}`] : []),
    ...(correct.quiet.length > 0
      ? [
          `false alarms  exact numerics: ${alarms(correct.quiet)}; near ties: ${alarms(correct.noisy)}`,
        ]
      : []),
  ];
}

function caught(results: readonly TrialResult[]): string {
  const found = results.filter(({ missed }) => missed.length === 0).length;
  const clean = results.filter(({ wrong }) => wrong.length === 0).length;
  const hidden = results.filter((result) => result.hidden.length > 0).length;
  const beside = hidden === 0 ? '' : `; in ${hidden} one fault hides the other`;
  return `${found} of ${results.length} caught, ${clean} of ${results.length} without a wrong name${beside}`;
}

function alarms(results: readonly TrialResult[]): string {
  const loud = results.filter(({ findings }) => findings > 0).length;
  const seams = results.reduce((total, result) => total + result.seams, 0);
  return `${loud} of ${results.length} servers, ${seams} seams`;
}

function isGood({ missed, wrong, trouble }: TrialResult): boolean {
  return missed.length + wrong.length + trouble.length === 0;
}

function nameOf({ planted, seed }: TrialResult): string {
  return planted.length === 0 ? `correct server, seed ${seed}` : planted.join(' + ');
}

function diagnosedOf(result: TrialResult): string {
  const causes = Object.entries(result.diagnosed).toSorted((a, b) => b[1] - a[1]);
  const told = causes.map(([cause, count]) => `${cause} ${count}`);
  const hidden = result.hidden.map((name) => `hides ${name}`);
  return [...(told.length > 0 ? told : ['no finding']), ...hidden, ...result.trouble].join(', ');
}
