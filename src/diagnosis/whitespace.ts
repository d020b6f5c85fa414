/** Where in a resumed prompt whitespace changed, and what became what. */
import type { JudgedSeam } from '../checks/seam.ts';
import type { WhitespacePlace } from '../reports/record.ts';
import { viewOf } from '../seam/view.ts';
import { rawText } from '../seam/markup.ts';
import { visible } from '../tokens/text.ts';
import { promptDifference } from './diagnose.ts';

export interface SpaceChange {
  readonly where: WhitespacePlace;
  /** In visible glyphs; empty for nothing. */
  readonly wanted: string;
  readonly got: string;
}

/** The change of a seam whose prompt differs in whitespace only; undefined for any other seam. */
export function whitespaceChange(seam: JudgedSeam): SpaceChange | undefined {
  if (seam.prompt?.agrees !== false) return undefined;
  const difference = promptDifference(seam);
  if (difference === undefined) return undefined;
  const { at, removed, inserted, expected } = difference;
  if (removed === inserted || !isBlank(removed) || !isBlank(inserted)) return undefined;
  return {
    where: at + removed.length >= expected.length ? 'seam' : placeOf(seam, at),
    wanted: visible(removed),
    got: visible(inserted),
  };
}

/** @param at index into the prompt's text and what was generated behind it */
function placeOf(seam: JudgedSeam, at: number): WhitespacePlace {
  const { generation, markup } = seam.plan.subject;
  const start = at - (generation.promptText?.length ?? 0);
  const raw = rawText(generation, generation.length);
  const { reasoning } = viewOf(generation.deltas);
  if (start < 0) return 'text';
  if (isBlank(markup.closing)) return isBlank(raw.slice(0, start)) ? 'content-start' : 'text';
  const written = markup.written.length;
  if (isBlank(raw.slice(written, start))) return 'reasoning-start';
  const closes = raw.indexOf(markup.closing, written + reasoning.length);
  const tag = closes + markup.closing.length - markup.closing.trimStart().length;
  const tagEnd = closes + markup.closing.trimEnd().length;
  if (start <= tag && isBlank(raw.slice(start, tag))) return 'before-close';
  if (start >= tagEnd && isBlank(raw.slice(tagEnd, start))) return 'after-close';
  return 'text';
}

function isBlank(text: string): boolean {
  return text.trim() === '';
}
