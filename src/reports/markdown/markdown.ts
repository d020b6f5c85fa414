/**
 * Markdown for a pull request's comment and for a job's summary. A hidden marker lets a bot find
 * and update its own comment. The worst findings come first, and what did not fit is said.
 */
import { VERDICTS } from '../../checks/verdict.ts';
import { CAUSES } from '../../diagnosis/causes.ts';
import { EDITS } from '../../seam/edits.ts';
import { visible } from '../../tokens/text.ts';
import { controlWords } from '../controls.ts';
import { hopsFields, hopsSaid, hopsTable } from './markdown-hops.ts';
import { clip, codeSpan, fenced, own } from './markdown-text.ts';
import {
  cutsWords,
  endedEarly,
  engineOf,
  grouped,
  isInconclusive,
  plantedWords,
  plural,
  seamsOf,
  SIGNS,
  verdictLine,
  worstFirst,
} from '../matrix.ts';
import type { Finding, RunRecord, VerdictCounts } from '../record.ts';
import {
  differenceOf,
  stitch,
  vocabularyOf,
  type StitchedToken,
  type Vocabulary,
} from '../stitch.ts';

/** GitHub's limits for a comment and for a job's summary; bytes are never fewer than characters. */
export const COMMENT_BYTES = 65_536;
export const SUMMARY_BYTES: number = 1024 * 1024;

/** Kept free for what a bot adds and for the note of what was cut. */
const RESERVE = 700;

/** Longer curl lines are left to the finding's file, where they are whole. */
const LONGEST_CURL = 2500;

/** Rows of the verdict table, and of the list of what was not tested. */
const MOST_ROWS = 60;

export interface MarkdownOptions {
  /** Size of the whole text, in bytes of UTF-8. @defaultValue a comment's */
  readonly bytes?: number;
  /** Where the run's files are to be found, e.g. the name of an artefact or a folder. */
  readonly where?: string | undefined;
}

/** The report as Markdown, never larger than asked. */
export function markdownReport(
  record: RunRecord,
  { bytes = COMMENT_BYTES, where }: MarkdownOptions = {},
): string {
  const sorted = worstFirst(record.findings);
  const vocabulary = vocabularyOf(sorted);
  const paper = new Paper(bytes - RESERVE);
  paper.add(marker(record));
  paper.add(heading(record));
  paper.add(matrix(record));
  const table = paper.add(hopsTable(record));
  let shown = 0;
  for (const [i, finding] of sorted.entries()) {
    if (!paper.add(describe(finding, i + 1, vocabulary))) break;
    shown++;
  }
  const tails: readonly (readonly [string, string])[] = [
    ['the recipe', recipe(record)],
    ['the controls', controls(record)],
    ['what was not tested', missing(record)],
    ['what was not tested of gateways', hopsSaid(record)],
  ];
  const fields = table ? hopsFields(record) : [];
  const told = fields.findIndex((block) => !paper.add(block));
  const cut = tails.filter(([, text]) => text !== '' && !paper.add(text)).map(([name]) => name);
  if (!table) cut.unshift('the gateways');
  if (told >= 0) cut.unshift(`the fields of gateways in ${plural(fields.length - told, 'arm')}`);
  if (shown < sorted.length)
    cut.unshift(`${plural(sorted.length - shown, 'finding')} of ${sorted.length}`);
  return paper.end(cut, where);
}

/** Collects blocks as long as they fit. */
class Paper {
  readonly #blocks: string[] = [];
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** @returns false when the block did not fit and was left out */
  add(block: string): boolean {
    const size = Buffer.byteLength(block) + 2;
    if (size > this.#left) return false;
    this.#left -= size;
    if (block !== '') this.#blocks.push(block);
    return true;
  }

  end(cut: readonly string[], where: string | undefined): string {
    const place = where === undefined ? 'run.json' : codeSpan(where, 120);
    const note =
      cut.length === 0
        ? `Everything in detail: ${place}.`
        : `**Left out here for want of space:** ${cut.join(', ')}. Everything in detail: ${place}.`;
    return `${[...this.#blocks, note].join('\n\n')}\n`;
  }
}

/**
 * A comment of HTML that is the same for every run of one engine and model, so that a bot can
 * find the comment of the run before.
 */
export function marker({ target }: Pick<RunRecord, 'target'>): string {
  const words = [target.dialect, target.engine.name, target.model, ...target.hops.slice(0, 4)];
  const key = words.map((word) => word.replaceAll(/[^A-Za-z0-9.]+/g, '_').slice(0, 60)).join(':');
  return `<!-- seamstress:${key} -->`;
}

function heading(record: RunRecord): string {
  const { target, plan, totals } = record;
  const early = endedEarly(record);
  const failed = record.findings.length > 0;
  const planted = plantedWords(record);
  const facts = [
    codeSpan(target.model, 80),
    target.chatTemplateSha256 === undefined
      ? ''
      : `template ${codeSpan(target.chatTemplateSha256.slice(0, 8), 8)}`,
    plural(plan.scenarios.length, 'scenario'),
    cutsWords(record),
    plan.shard === undefined ? '' : `shard ${plan.shard.index} of ${plan.shard.of}`,
    `seed ${plan.seed}`,
    `${totals.seconds.toFixed(1)} s`,
  ].filter((part) => part !== '');
  return [
    `### ${failed ? SIGNS.diverged : isInconclusive(record) ? SIGNS.error : SIGNS.exact} seamstress: ${codeSpan(engineOf(record), 120)}`,
    `**${own(verdictLine(record))}**`,
    facts.join(' · '),
    ...(planted === undefined ? [] : [`**With ${codeSpan(planted, 400)}.**`]),
    ...(early === undefined ? [] : [`**Not finished.** ${early}`]),
  ].join('\n\n');
}

function matrix({ totals }: RunRecord): string {
  const rows = totals.matrix
    .slice(0, MOST_ROWS)
    .map(
      ({ phase, strategy, verdicts }) =>
        `| ${phase} | ${codeSpan(strategy, 80)} | ${cells(verdicts)} |`,
    );
  const more = totals.matrix.length - rows.length;
  return [
    `| phase | strategy | seams | ${VERDICTS.map((verdict) => `${SIGNS[verdict]} ${verdict}`).join(' | ')} |`,
    `|---|---|--:|${VERDICTS.map(() => '--:').join('|')}|`,
    ...rows,
    `| **all** | | ${cells(totals.verdicts)} |`,
    ...(more > 0 ? ['', `${more} more rows are left out.`] : []),
  ].join('\n');
}

function cells(verdicts: VerdictCounts): string {
  return [seamsOf(verdicts), ...VERDICTS.map((verdict) => verdicts[verdict] ?? 0)]
    .map((count) => (count === 0 ? '·' : grouped(count)))
    .join(' | ');
}

function describe(finding: Finding, number: number, vocabulary: Vocabulary): string {
  const { minimal, cuts, replay } = finding;
  const places = finding.where
    .slice(0, 4)
    .map(
      ({ phase, strategy, count }) => `${phase} / ${codeSpan(strategy, 80)} (${grouped(count)})`,
    );
  const more = finding.where.length > 4 ? `, and ${finding.where.length - 4} more` : '';
  const curl = replay.curl.slice(0, 2).filter((line) => line.length <= LONGEST_CURL);
  return [
    `#### ${number}. ${SIGNS[finding.verdict]} ${finding.verdict} · ${plural(finding.count, 'seam')} · ${finding.culprit}: ${codeSpan(finding.cause)}`,
    own(CAUSES[finding.cause].title),
    `In ${places.join(', ')}${more}; cuts ${cuts.first}–${cuts.last}. Smallest example: ${codeSpan(minimal.scenario.id, 80)}, cut after ${[...minimal.pauses.slice(0, 8), minimal.k].join(', ')} tokens.`,
    ...difference(finding, vocabulary),
    `<details><summary>Reproduce</summary>\n\n${fenced([clip(replay.command, 1000), ...curl], 'sh')}\n\n</details>`,
  ].join('\n\n');
}

/** Wanted and got, in tokens or else in text; the server's words where it refused. */
function difference(finding: Finding, vocabulary: Vocabulary): string[] {
  const { expected, actual } = finding.minimal;
  if (finding.check === 'resume')
    return actual.text === ''
      ? []
      : [fenced([`the server says  ${visible(clip(actual.text, 400))}`])];
  const found = differenceOf(stitch(finding, vocabulary), { before: 3, most: 6, after: 2 });
  const text = expected.text === actual.text ? [] : textAround(expected.text, actual.text);
  if (found === undefined) return text.length === 0 ? [] : [fenced(text)];
  const line = (name: string, side: 'wanted' | 'got'): string =>
    `${name}  ${found.columns.map((column) => tokenOf(column[side])).join('│')}   ids ${found.columns.map((column) => column[side]?.id ?? '–').join(' ')}`;
  return [fenced([...text, line('wanted', 'wanted'), line('got   ', 'got')])];
}

function tokenOf(token: StitchedToken | undefined): string {
  if (token === undefined) return '–';
  return token.piece === undefined
    ? `#${token.id}`
    : token.piece === ''
      ? '∅'
      : clip(token.piece, 24);
}

/** The texts around their first difference. */
function textAround(expected: string, actual: string): string[] {
  let from = 0;
  while (from < expected.length && expected[from] === actual[from]) from++;
  const start = Math.max(0, from - 24);
  const show = (text: string): string =>
    `${start > 0 ? '…' : ''}${visible(text.slice(start, from + 24))}${text.length > from + 24 ? '…' : ''}`;
  return [`wanted  ${show(expected)}`, `got     ${show(actual)}`];
}

function recipe({ recipe: { byPhase, everywhere } }: RunRecord): string {
  if (byPhase.length === 0) return '';
  const names = new Set(
    [...byPhase, ...everywhere].flatMap((score) => score.recipe.split('/').slice(1)),
  );
  return [
    '<details><summary>The way that would have been exact</summary>',
    [
      '| phase | recipe | exact |',
      '|---|---|--:|',
      ...byPhase
        .slice(0, MOST_ROWS)
        .map(
          ({ phase, recipe: name, exact, tried }) =>
            `| ${phase} | ${exact < tried ? 'none; nearest ' : ''}${codeSpan(name, 120)} | ${exact}/${tried} |`,
        ),
    ].join('\n'),
    ...EDITS.filter((edit) => names.has(edit.name)).map(
      (edit) => `${codeSpan(edit.name)}: ${own(edit.describe)}`,
    ),
    '</details>',
  ].join('\n\n');
}

function controls(record: RunRecord): string {
  return `**Controls**: ${controlWords(record).join(' · ')}`;
}

function missing({ notTested, errors }: RunRecord): string {
  const rows = [
    ...notTested.map(({ what, why, count }) => {
      const many = count === undefined ? '' : `${grouped(count)} `;
      return `- not tested: ${many}${codeSpan(what)}: ${codeSpan(why, 600)}`;
    }),
    ...errors.map((error) => `- error: ${codeSpan(error)}`),
  ];
  const more = rows.length - MOST_ROWS;
  return [...rows.slice(0, MOST_ROWS), ...(more > 0 ? [`- and ${more} more`] : [])].join('\n');
}
