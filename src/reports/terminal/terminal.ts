/** The summary of a run for a terminal. Model output is shown with visible whitespace, never sent raw. */
import { VERDICTS } from '../../checks/verdict.ts';
import { CAUSES } from '../../diagnosis/causes.ts';
import { showPiece, visible } from '../../tokens/text.ts';
import { controlWords } from '../controls.ts';
import { cacheTable } from './cache.ts';
import { recipeTable } from './recipe.ts';
import { cutsWords, plantedWords } from '../matrix.ts';
import type { Finding, RunRecord, VerdictCounts } from '../record.ts';
import { table } from './table.ts';
import { tokenizationLines } from './tokenization.ts';
import { whitespaceTable } from './whitespace.ts';

/** Characters shown on each side of a difference. */
const CONTEXT = 24;

/** Longer curl lines are left to the finding's file, where they are whole. */
const LONGEST_CURL = 1200;

/** The whole summary, ending with a line break. */
export function terminalReport(record: RunRecord, folder: string): string {
  return [
    heading(record),
    '',
    ...matrix(record).map(indent),
    '',
    ...controls(record).map(indent),
    ...tokenizationLines(record).map(indent),
    ...(record.target.strength === undefined
      ? []
      : [indent(`strength    ${visible(record.target.strength.says)}`)]),
    '',
    ...findings(record).map(indent),
    ...whitespaceTable(record).map(indent),
    ...cacheTable(record).map(indent),
    ...recipeTable(record).map(indent),
    ...untested(record).map(indent),
    ...problems(record).map(indent),
    footer(record, folder),
    '',
  ].join('\n');
}

const indent = (line: string): string => (line === '' ? '' : `  ${line}`);

function heading(record: RunRecord): string {
  const { target, plan } = record;
  const { engine } = target;
  const planted = plantedWords(record);
  const build = [engine.version, engine.build].filter((part) => part !== undefined).join(' ');
  return visible(
    [
      `${engine.name} ${build}`.trim(),
      target.model,
      target.chatTemplateSha256 === undefined
        ? 'template unknown'
        : `template ${target.chatTemplateSha256.slice(0, 8)}…`,
      `${plan.scenarios.length} scenarios`,
      plan.mode === 'sweep' ? `sweep, ${cutsWords(record)}` : cutsWords(record),
      `seed ${plan.seed}`,
      ...(planted === undefined ? [] : [planted]),
    ].join(' · '),
  );
}

function matrix({ totals }: RunRecord): string[] {
  const rows: string[][] = [['phase', 'strategy', 'seams', ...VERDICTS]];
  let before = '';
  for (const { phase, strategy, verdicts } of totals.matrix) {
    rows.push([
      phase === before ? '' : phase,
      strategy,
      String(total(verdicts)),
      ...cells(verdicts),
    ]);
    before = phase;
  }
  rows.push(['all', '', String(totals.seams), ...cells(totals.verdicts)]);
  const names = rows.map((row) => row[1] ?? '');
  const width = Math.max(...names.map((name) => name.length));
  return table(
    rows.map(([phase = '', strategy = '', ...rest]) => [
      `${phase.padEnd(9)}  ${strategy.padEnd(width)}`,
      ...rest,
    ]),
  );
}

function cells(verdicts: VerdictCounts): string[] {
  return VERDICTS.map((verdict) => String(verdicts[verdict]));
}

function total(verdicts: VerdictCounts): number {
  return VERDICTS.reduce((sum, verdict) => sum + verdicts[verdict], 0);
}

function controls(record: RunRecord): string[] {
  const { totals, roundTrip } = record;
  return [
    `controls    ${controlWords(record).join(' · ')}`,
    `cost        ${totals.requests} requests · ${totals.generatedTokens} tokens generated · ${totals.resumed} seams resumed for real · ${totals.seconds.toFixed(1)} s`,
    ...(roundTrip.cuts === 0
      ? []
      : [
          `round trip  ${roundTrip.notIdempotent} of ${roundTrip.cuts} cuts do not encode back to their tokens${listOf(roundTrip.byClass)}`,
        ]),
  ];
}

function listOf(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, times]) => `${name} ${times}`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function findings({ findings: list }: RunRecord): string[] {
  if (list.length === 0) return ['no findings', ''];
  return [
    list.length === 1 ? '1 finding' : `${list.length} findings`,
    ...list.flatMap((finding, i) => findingLines(finding, i + 1)),
    '',
  ];
}

/** A finding in lines: what it is, where, wanted and got, how to reproduce it. */
export function findingLines(finding: Finding, number: number): string[] {
  const { minimal, cuts } = finding;
  const places = finding.where
    .slice(0, 4)
    .map(({ phase, strategy, count }) => `${phase}/${strategy} ${count}`);
  const more = finding.where.length > 4 ? `, and ${finding.where.length - 4} more` : '';
  const seams = finding.count === 1 ? '1 seam' : `${finding.count} seams`;
  return [
    '',
    `${number}  ${finding.verdict} · ${seams} · cuts ${cuts.first}–${cuts.last} · ${finding.culprit}: ${finding.cause}`,
    `   ${CAUSES[finding.cause].title}`,
    `   in ${places.join(', ')}${more}`,
    ...difference(finding).map((line) => `     ${line}`),
    ...refusalOf(finding),
    `   e.g. ${minimal.scenario.id}, ${finding.strategy}, cut after ${[...minimal.pauses, minimal.k].join(', ')} tokens`,
    `   reproduce: ${finding.replay.command}`,
    ...finding.replay.curl
      .slice(0, 1)
      .map(
        (line) => `   or: ${line.length <= LONGEST_CURL ? line : 'the curl lines in that file'}`,
      ),
  ];
}

function refusalOf(finding: Finding): string[] {
  return finding.check === 'resume'
    ? [`   the server says: ${visible(shorten(finding.minimal.actual.text, 200))}`]
    : [];
}

/** Expected and actual text around their first difference; tokens, where the text is the same. */
function difference(finding: Finding): string[] {
  const { expected, actual, at } = finding.minimal;
  if (expected.text === '') return [];
  const ids = (list: readonly number[]): string =>
    at === undefined || list.length === 0
      ? ''
      : `   ids … ${list.slice(Math.max(0, at - 2), at + 4).join(' ')} …`;
  const show =
    expected.text === actual.text && at !== undefined
      ? tokensOf(finding, at)
      : textAround(expected.text, actual.text);
  return [
    `wanted  ${show.expected}${ids(expected.ids)}`,
    `got     ${show.actual}${ids(actual.ids)}`,
  ];
}

interface Pair {
  readonly expected: string;
  readonly actual: string;
}

function textAround(expected: string, actual: string): Pair {
  let from = 0;
  while (from < expected.length && expected[from] === actual[from]) from++;
  const start = Math.max(0, from - CONTEXT);
  const show = (text: string): string =>
    `${start > 0 ? '…' : ''}${visible(text.slice(start, from + CONTEXT))}${text.length > from + CONTEXT ? '…' : ''}`;
  return { expected: show(expected), actual: show(actual) };
}

/** The tokens around the first difference, one from the next by a bar; a token that the generation does not hold by its id. */
function tokensOf({ minimal }: Finding, at: number): Pair {
  const pieces = new Map(
    minimal.generation.tokens.map(({ id, bytes }) => [
      id,
      new Uint8Array(Buffer.from(bytes, 'base64')),
    ]),
  );
  const show = (list: readonly number[]): string =>
    `…│${list
      .slice(Math.max(0, at - 2), at + 4)
      .map((id) => {
        const piece = pieces.get(id);
        return piece === undefined ? `#${id}` : showPiece(piece);
      })
      .join('│')}`;
  return { expected: show(minimal.expected.ids), actual: show(minimal.actual.ids) };
}

function shorten(text: string, most: number): string {
  return text.length <= most
    ? text
    : `${text.slice(0, most)}… (${text.length} characters, whole in the finding's file)`;
}

function untested({ notTested }: RunRecord): string[] {
  if (notTested.length === 0) return [];
  return [
    'not tested',
    ...notTested.map(
      ({ what, why, count }) =>
        `  ${visible(`${count === undefined ? '' : `${count} `}${what}: ${why}`)}`,
    ),
    '',
  ];
}

function problems({ errors }: RunRecord): string[] {
  return errors.length === 0
    ? []
    : ['errors', ...errors.slice(0, 10).map((error) => `  ${visible(error)}`), ''];
}

function footer(record: RunRecord, folder: string): string {
  const early =
    record.interrupted === undefined
      ? ''
      : {
          signal: 'stopped by you; ',
          'max-time': 'stopped at the time limit; ',
          'target-lost': 'the target was lost; ',
          budget: 'the budget was spent; ',
        }[record.interrupted];
  return `${early}${folder}   run.json · seams.ndjson · findings/ · tape.bin`;
}
