/**
 * Text in Markdown that cannot become anything else: no mention, link, image, HTML, table cell or
 * end of the block that it stands in. GitHub looks for mentions and references in the finished
 * page, so that no escape keeps them out, and only code is spared: whatever comes from models,
 * servers and records stands in code.
 */
import { visible } from '../../tokens/text.ts';

/** Text as a code span on one line; empty text shows as `∅`. It holds no `|`, so that it fits a table's cell. */
export function codeSpan(text: string, most = 300): string {
  const shown = clip(visible(clip(text, most)), 2 * most).replaceAll('|', '‹U+007C›');
  if (shown === '') return '`∅`';
  const fence = '`'.repeat(longestRun(shown) + 1);
  const pad = /^`|`$/.test(shown) ? ' ' : '';
  return `${fence}${pad}${shown}${pad}${fence}`;
}

/** Lines as a fenced block with a fence that none of them can close. Spaces stay, what is hidden is spelled out. */
export function fenced(lines: readonly string[], language: 'text' | 'sh' = 'text'): string {
  const shown = lines.map(harmless);
  const fence = '`'.repeat(Math.max(3, longestRun(shown.join('\n')) + 1));
  return [`${fence}${language}`, ...shown, fence].join('\n');
}

/** This tool's own words: what has a meaning in Markdown gets a backslash. Not for text of others. */
export function own(words: string): string {
  return words.replaceAll(/[\\`*_{}[\]<>#|~&@]/g, String.raw`\$&`);
}

/** Cuts a text between characters. */
export function clip(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = /[\uD800-\uDBFF]/.test(text.charAt(most - 1)) ? most - 1 : most;
  return `${text.slice(0, end)}…`;
}

/** Controls, line breaks among them, and whatever hides or turns the direction. */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]|\p{Default_Ignorable_Code_Point}/gu;

/** A line with what is hidden spelled out; spaces, and signs made visible before, stay. */
export function harmless(line: string): string {
  return line.replaceAll(
    HIDDEN,
    (character) =>
      `‹U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}›`,
  );
}

function longestRun(text: string): number {
  return (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
}
