/** A diff as a comment for a pull request. */
import {
  causeWords,
  costWords,
  countsOf,
  doubts,
  engineOf,
  MACHINE_NOTE,
  newsOf,
  placeWords,
  ratesNote,
  rateWords,
  recipeWords,
  sideFacts,
  STATUS_WORDS,
} from './words.ts';
import type { DiffSide, FindingDiff, RunDiff } from './types.ts';
import { codeSpan, fenced, own } from '../markdown/markdown-text.ts';

/** GitHub takes no longer comment. */
const MOST = 65_536;

/** Room for the note of what was cut. */
const RESERVE = 200;

/** A bot finds its own comment by this line. */
export const DIFF_MARKER = '<!-- seamstress diff -->';

export function diffMarkdown(diff: RunDiff): string {
  const head = [
    DIFF_MARKER,
    `## seamstress: ${codeSpan(engineOf(diff.a))} → ${codeSpan(engineOf(diff.b))}`,
    '',
    `**${own(countsOf(diff))}**${newsOf(diff).length === 0 ? ': nothing new.' : ''}`,
    '',
    sideLine('A', diff.a),
    sideLine('B', diff.b),
    ...[...doubts(diff), ...diff.notes].map((line) => `- ⚠ ${codeSpan(line)}`),
    '',
  ].join('\n');
  const blocks = [...diff.findings.map(finding), rates(diff), recipes(diff), costs(diff)];
  return fitted(
    head,
    blocks.filter((block) => block !== ''),
  );
}

/** As many blocks as fit, in order, and what was left out. */
function fitted(head: string, blocks: readonly string[]): string {
  let text = head;
  for (const [i, block] of blocks.entries()) {
    if (text.length + block.length + RESERVE > MOST)
      return `${text}\n_${blocks.length - i} more sections are left out: a comment holds ${MOST} characters._\n`;
    text += `\n${block}\n`;
  }
  return text;
}

function sideLine(name: string, of: DiffSide): string {
  return `- **${name}** ${[engineOf(of), ...sideFacts(of)].map((fact) => codeSpan(fact)).join(' · ')}`;
}

function finding(one: FindingDiff): string {
  const { status, culprit, title, changes, known, verdict, replay } = one;
  const head = `**${STATUS_WORDS[status]}** · ${verdict.b ?? verdict.a ?? ''} · ${culprit}: ${codeSpan(causeWords(one))}`;
  if (status === 'unchanged') return `- ${head}`;
  return [
    `### ${head}`,
    '',
    own(title),
    '',
    ...placeWords(one).map((words) => `- ${codeSpan(words)}`),
    ...changes.map((words) => `- ${codeSpan(words)}`),
    ...(known === undefined ? [] : [`- known: ${codeSpan(known)}`]),
    ...(status === 'new' ? ['', fenced([replay], 'sh')] : []),
  ].join('\n');
}

function rates(diff: RunDiff): string {
  const news = diff.rates.filter((rate) => rate.news);
  return [
    '### Verdict rates',
    '',
    ...(news.length === 0
      ? ['None differs.']
      : [
          '| phase | strategy | rate, with its interval in % |',
          '|---|---|---|',
          ...news.map(
            (rate) => `| ${rate.phase} | ${codeSpan(rate.strategy)} | ${own(rateWords(rate))} |`,
          ),
        ]),
    '',
    `_${own(ratesNote(diff))}._`,
  ].join('\n');
}

function recipes({ recipe }: RunDiff): string {
  const changed = recipe.filter((one) => one.changed);
  if (changed.length === 0) return '';
  return [
    '### Recipes that changed',
    '',
    '| phase | A | B |',
    '|---|---|---|',
    ...changed.map(
      (one) =>
        `| ${one.phase} | ${codeSpan(recipeWords(one, 'a'))} | ${codeSpan(recipeWords(one, 'b'))} |`,
    ),
  ].join('\n');
}

function costs({ cost }: RunDiff): string {
  return [
    '<details><summary>What the runs cost</summary>',
    '',
    '| | A | B | |',
    '|---|--:|--:|--:|',
    ...cost
      .map(costWords)
      .map(({ what, a, b, change }) => `| ${codeSpan(what)} | ${a} | ${b} | ${change} |`),
    '',
    own(MACHINE_NOTE),
    '',
    '</details>',
  ].join('\n');
}
