/**
 * The text of what was kept, with its control tokens. Servers do not print those of an answer, but
 * they stand in the prompt that they render of it: as far as the ids of both agree, the prompt
 * tells their text. Without it every `[THINK]` would look like one that was put in.
 */
import { bytesOf, type Generation } from '../seam/generation.ts';

/** Characters of the longest run of control tokens. */
const LONGEST = 40;
/** A control token where no known text behind it tells its end. */
const CONTROL = /^(?:<[^<>\s]+>|\[[^[\]\s]+\])/;

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
  const { promptText } = generation;
  if (promptText === undefined || !rendered.startsWith(promptText)) return plain;
  let text = '';
  for (let i = 0; ;) {
    const printed = endOfRun(generation, i, kept, false);
    text += textOf(generation, i, printed);
    i = endOfRun(generation, printed, kept, true);
    if (i === printed) return text;
    if (i > agreed) return plain;
    const next = textOf(generation, i, endOfRun(generation, i, Math.min(kept, agreed), false));
    const told = toldBy(rendered.slice(promptText.length + text.length), i - printed, next);
    if (told === undefined) return plain;
    text += told;
  }
}

/** Behind the last of the tokens from `from` on that are hidden, or printed. */
function endOfRun(generation: Generation, from: number, to: number, hidden: boolean): number {
  let end = from;
  while (end < to && (generation.tokens[end]?.bytes.length === 0) === hidden) end++;
  return end;
}

/**
 * The text of control tokens with which a part of the prompt begins: what stands before the text
 * that follows them, or so many tags where nothing that is known follows.
 */
function toldBy(rest: string, tokens: number, next: string): string | undefined {
  let end = rest.indexOf(next);
  if (next === '')
    for (let i = 0; i < tokens; i++) {
      const tag = CONTROL.exec(rest.slice(end))?.[0];
      if (tag === undefined) return undefined;
      end += tag.length;
    }
  return end < 0 || end > LONGEST ? undefined : rest.slice(0, end);
}

function textOf(generation: Generation, from: number, to: number): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    bytesOf(generation.tokens, from, to),
    { stream: true },
  );
}
