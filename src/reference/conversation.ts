/**
 * Reading a prompt's ids as the model does: which conversation they are, and whether every token
 * of it is the one that it would always have been.
 */
import type { Asked } from './scripts.ts';
import type { Vocabulary } from './vocabulary.ts';

/** A prompt that ends with a generation prompt. */
export interface Prompt {
  readonly asked: Asked;
  readonly thinking: boolean;
}

export const GENERATION_PROMPT = '<|im_start|>assistant\n';
/** Follows the generation prompt when thinking is switched off. */
export const EMPTY_THINKING = '<think>\n\n</think>\n\n';

const TURN = /^(system|user|assistant)\n([\s\S]*)$/;
const TOOL_RESULT = /^<tool_response>\n([\s\S]*)\n<\/tool_response>$/;

/** Where the last generation prompt ends in `ids`, the empty thinking block included. */
export function endOfGenerationPrompt(
  vocabulary: Vocabulary,
  ids: readonly number[],
): number | undefined {
  const header = headerIds(vocabulary);
  for (let at = ids.length - header.length; at >= 0; at--) {
    if (!header.every((id, i) => ids[at + i] === id)) continue;
    const end = at + header.length;
    const block = blockIds(vocabulary);
    return block.every((id, i) => ids[end + i] === id) ? end + block.length : end;
  }
  return undefined;
}

/** The same in a text. `text` has its look-alikes shielded, so that a header found is a header. */
export function endOfGenerationPromptText(text: string): number | undefined {
  const at = text.lastIndexOf(GENERATION_PROMPT);
  if (at < 0) return undefined;
  const end = at + GENERATION_PROMPT.length;
  return text.startsWith(EMPTY_THINKING, end) ? end + EMPTY_THINKING.length : end;
}

/** The prompt that `ids` are, token for token; undefined when anything in it is out of place. */
export function readPrompt(vocabulary: Vocabulary, ids: readonly number[]): Prompt | undefined {
  const [start, end] = [vocabulary.id('<|im_start|>'), vocabulary.id('<|im_end|>')];
  const between = vocabulary.encode('\n', { control: false });
  const header = endOfGenerationPrompt(vocabulary, ids);
  if (header !== ids.length) return undefined;
  let last: { role: string; text: string } | undefined;
  let turns = 0;
  let at = 0;
  for (;;) {
    if (ids[at] !== start) return undefined;
    const stop = ids.indexOf(end, at);
    if (stop < 0) break;
    const turn = readTurn(vocabulary, ids.slice(at + 1, stop));
    if (turn === undefined) return undefined;
    last = turn;
    turns++;
    at = stop + 1;
    if (!between.every((id, i) => ids[at + i] === id)) return undefined;
    at += between.length;
  }
  if (last?.role !== 'user') return undefined;
  const opening = headerIds(vocabulary);
  const thinking = ids.length - at === opening.length;
  if (!thinking && ids.length - at !== opening.length + blockIds(vocabulary).length)
    return undefined;
  const result = TOOL_RESULT.exec(last.text);
  return {
    asked:
      result === null
        ? { text: last.text, from: 'user', turns }
        : { text: result[1] ?? '', from: 'tool', turns },
    thinking,
  };
}

/** A turn's role and text, when its ids are what its text always becomes. */
function readTurn(
  vocabulary: Vocabulary,
  ids: readonly number[],
): { role: string; text: string } | undefined {
  if (ids.some((id) => vocabulary.isControl(id))) return undefined;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(vocabulary.join(ids));
  } catch {
    return undefined;
  }
  const canonical = vocabulary.encode(text, { control: false });
  if (canonical.length !== ids.length || canonical.some((id, i) => id !== ids[i])) return undefined;
  const turn = TURN.exec(text);
  return turn === null ? undefined : { role: turn[1] ?? '', text: turn[2] ?? '' };
}

function headerIds(vocabulary: Vocabulary): readonly number[] {
  return vocabulary.encode(GENERATION_PROMPT, { control: true });
}

function blockIds(vocabulary: Vocabulary): readonly number[] {
  return vocabulary.encode(EMPTY_THINKING, { control: true });
}
