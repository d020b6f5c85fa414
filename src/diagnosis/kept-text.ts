/**
 * The text of what was kept, with its control tokens. Servers do not print those of an answer, but
 * they stand in the prompt that they render of it: as far as the ids of both agree, the prompt
 * tells their text. Without it every `[THINK]` would look like one that was put in.
 */
import { bytesOf, type Generation } from '../seam/generation.ts';

/** Longer than any control token. */
const LONGEST = 40;

/**
 * @param kept tokens of the generation
 * @param agreed tokens at its start whose ids the prompt has too
 * @param rendered the prompt's text
 */
export function keptText(
  generation: Generation,
  kept: number,
  agreed: number,
  rendered: string,
): string {
  const plain = textOf(generation, 0, kept);
  let at = generation.promptText?.length ?? 0;
  if (!rendered.startsWith(generation.promptText ?? '')) return plain;
  let text = '';
  let start = 0;
  for (let i = 0; i <= kept; i++) {
    const hidden = i < kept && generation.tokens[i]?.bytes.length === 0;
    if (i < kept && !hidden) continue;
    text += textOf(generation, start, i);
    if (!hidden) break;
    // A token without bytes: what the prompt has between what stands before it and after it.
    at += textOf(generation, start, i).length;
    const next = firstPrinted(generation, i, Math.min(kept, agreed));
    const after = next === undefined ? -1 : rendered.indexOf(next.text, at);
    const told = next === undefined && i < agreed ? rendered.slice(at) : rendered.slice(at, after);
    if (i >= agreed || (next !== undefined && after < 0) || told.length > LONGEST) return plain;
    text += told;
    at += told.length;
    start = next?.from ?? kept;
    i = start - 1;
    if (next === undefined) break;
  }
  return text;
}

/** The next tokens that have bytes, as far as the prompt agrees with them. */
function firstPrinted(
  generation: Generation,
  from: number,
  to: number,
): { readonly from: number; readonly text: string } | undefined {
  let start = from;
  while (start < to && generation.tokens[start]?.bytes.length === 0) start++;
  let end = start;
  while (end < to && (generation.tokens[end]?.bytes.length ?? 0) > 0) end++;
  const text = textOf(generation, start, end);
  return text === '' ? undefined : { from: start, text };
}

function textOf(generation: Generation, from: number, to: number): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    bytesOf(generation.tokens, from, to),
    { stream: true },
  );
}
