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
  const caught = (results: readonly TrialResult[]): string => {
    const named = results.filter((result) => result.missed.length === 0).length;
    const clean = results.filter((result) => result.wrong.length === 0).length;
    return `${named} of ${results.length} caught, ${clean} of ${results.length} without a wrong name`;
  };
  const alarms = (results: readonly TrialResult[]): string =>
    `${results.filter((result) => result.findings > 0).length} of ${results.length} servers, ${results.reduce((total, { seams }) => total + seams, 0)} seams`;
  return [
    ...(alone.length > 0 ? [`alone         ${caught(alone)}`] : []),
    ...(underNoise.length > 0 ? [`under noise   ${caught(underNoise)}`] : []),
    ...(pairs.length > 0 ? [`in pairs      ${caught(pairs)} (one fault may hide the other)`] : []),
    ...(correct.quiet.length > 0
      ? [
          `false alarms  exact numerics: ${alarms(correct.quiet)}; near ties: ${alarms(correct.noisy)}`,
        ]
      : []),
  ];
}

function isGood({ planted, missed, wrong, trouble }: TrialResult): boolean {
  const hidden = planted.length > 1 && missed.length < planted.length;
  return (missed.length === 0 || hidden) && wrong.length === 0 && trouble.length === 0;
}

function nameOf({ planted, seed }: TrialResult): string {
  return planted.length === 0 ? `correct server, seed ${seed}` : planted.join(' + ');
}

function diagnosedOf({ diagnosed, trouble }: TrialResult): string {
  const causes = Object.entries(diagnosed).toSorted((a, b) => b[1] - a[1]);
  const told = causes.map(([cause, count]) => `${cause} ${count}`);
  return [...(told.length > 0 ? told : ['no finding']), ...trouble].join(', ');
}
