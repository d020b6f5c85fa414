/** A history for a terminal: the last runs of each engine, one column a run. */
import { visible } from '../../tokens/text.ts';
import type { History, HistoryRow, HistoryRun } from './history.ts';
import { percent } from '../diff/words.ts';
import { table } from '../terminal/table.ts';

/** Runs that fit beside one another. */
const MOST = 60;

const LEVELS = '▁▂▃▄▅▆▇█';

/** The whole history, ending with a line break. */
export function historyTerminal(history: History): string {
  return [
    ...history.rows.flatMap(row),
    ...(history.skipped.length === 0
      ? []
      : [
          'skipped',
          ...history.skipped.map(({ folder, why }) => `  ${visible(folder)}: ${visible(why)}`),
        ]),
    '',
  ].join('\n');
}

function row({ engine, model, runs: all, findings }: HistoryRow): string[] {
  const runs = all.slice(-MOST);
  const [first, last] = [runs[0], runs.at(-1)];
  if (first === undefined || last === undefined) return [];
  const left = all.length - runs.length;
  const rows = [
    ['  exact', runs.map(level).join(''), `${rate(first)} → ${rate(last)}`],
    ...findings.map(({ id }) => [
      `  ${visible(id)}`,
      runs.map((run) => (id in run.findings ? '■' : '·')).join(''),
      `${first.findings[id] ?? 0} → ${last.findings[id] ?? 0} seams`,
    ]),
  ];
  return [
    `${visible(`${engine} · ${model}`)} · ${all.length} runs${left === 0 ? '' : `, the last ${MOST} shown`}`,
    `  ${visible(named(first))} … ${visible(named(last))}`,
    ...table(rows),
    ...changes(runs),
    '',
  ];
}

/** What came and went, run by run. */
function changes(runs: readonly HistoryRun[]): string[] {
  return runs.flatMap((run, i) => {
    const before = runs[i - 1];
    if (before === undefined) return [];
    const came = Object.keys(run.findings).filter((id) => !(id in before.findings));
    const went = Object.keys(before.findings).filter((id) => !(id in run.findings));
    const parts = [
      ...(came.length === 0 ? [] : [`came ${came.join(', ')}`]),
      ...(went.length === 0 ? [] : [`went ${went.join(', ')}`]),
    ];
    return parts.length === 0 ? [] : [`  ${visible(named(run))}: ${visible(parts.join('; '))}`];
  });
}

function named({ startedAt, build, version }: HistoryRun): string {
  return [startedAt.slice(0, 16).replace('T', ' '), build ?? version]
    .filter((part) => part !== undefined)
    .join(' ');
}

function level({ exact }: HistoryRun): string {
  return exact === undefined ? '?' : (LEVELS[Math.min(7, Math.floor(exact * 8))] ?? '?');
}

function rate({ exact }: HistoryRun): string {
  return exact === undefined ? 'nothing tested' : percent(exact);
}
