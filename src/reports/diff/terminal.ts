/** A diff for a terminal. */
import { visible } from '../../tokens/text.ts';
import {
  causeWords,
  costWords,
  countsOf,
  doubts,
  engineOf,
  MACHINE_NOTE,
  placeWords,
  ratesNote,
  rateWords,
  recipeWords,
  sideFacts,
  STATUS_WORDS,
} from './words.ts';
import type { DiffSide, FindingDiff, RunDiff } from './types.ts';
import { table } from '../terminal/table.ts';

/** The whole diff, ending with a line break. */
export function diffTerminal(diff: RunDiff): string {
  return [
    side('A', diff.a),
    side('B', diff.b),
    ...doubts(diff).map((line) => `! ${visible(line)}`),
    ...diff.notes.map((line) => `! ${visible(line)}`),
    '',
    countsOf(diff),
    ...diff.findings.flatMap(finding),
    '',
    ...rates(diff),
    ...recipes(diff),
    ...costs(diff),
    '',
  ].join('\n');
}

function side(name: string, of: DiffSide): string {
  return `${name}  ${visible([engineOf(of), ...sideFacts(of)].join(' · '))}`;
}

function finding(one: FindingDiff): string[] {
  const { status, culprit, title, changes, known, verdict, replay } = one;
  const head = `  ${STATUS_WORDS[status]}  ${verdict.b ?? verdict.a ?? ''} · ${culprit}: ${visible(causeWords(one))}`;
  if (status === 'unchanged') return [`${head} · ${placeWords(one, 1).join('')}`];
  return [
    '',
    head,
    `    ${visible(title)}`,
    ...placeWords(one).map((words) => `    ${visible(words)}`),
    ...changes.map((words) => `    ${visible(words)}`),
    ...(known === undefined ? [] : [`    known: ${visible(known)}`]),
    ...(status === 'new' ? [`    reproduce: ${visible(replay)}`] : []),
  ];
}

function rates(diff: RunDiff): string[] {
  const news = diff.rates.filter((rate) => rate.news);
  return [
    'verdict rates that differ, with their intervals',
    ...(news.length === 0
      ? ['  none']
      : table(
          news.map((rate) => [
            `  ${rate.phase.padEnd(9)}  ${visible(rate.strategy)}`,
            rateWords(rate),
          ]),
        )),
    `  (${ratesNote(diff)})`,
    '',
  ];
}

function recipes({ recipe }: RunDiff): string[] {
  const changed = recipe.filter((one) => one.changed);
  if (recipe.length === 0) return [];
  return [
    'recipes that changed',
    ...(changed.length === 0
      ? ['  none']
      : changed.map(
          (one) =>
            `  ${one.phase.padEnd(10)}  ${visible(`${recipeWords(one, 'a')} → ${recipeWords(one, 'b')}`)}`,
        )),
    '',
  ];
}

function costs({ cost }: RunDiff): string[] {
  const rows = cost.map(costWords).map(({ what, a, b, change }) => [`  ${what}`, a, b, change]);
  return [
    ...table([['cost', 'A', 'B', ''], ...rows]),
    ...(cost.some(({ machineDependent }) => machineDependent) ? [`  ${MACHINE_NOTE}`] : []),
  ];
}
