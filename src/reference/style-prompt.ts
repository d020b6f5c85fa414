/** Reading a prompt's ids as a model of any style does; the thinker's own is in conversation.ts. */
import { endOfGenerationPrompt, readPrompt, type Prompt } from './conversation.ts';
import type { Style } from './style.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Where a generation prompt may end in `ids`, the likeliest first. */
export function endsOfGenerationPrompt(
  style: Style,
  vocabulary: Vocabulary,
  ids: readonly number[],
): number[] {
  if (style.name === 'chatml') {
    const end = endOfGenerationPrompt(vocabulary, ids);
    return end === undefined ? [] : [end];
  }
  const header = vocabulary.encode(style.generationPrompt, { control: true });
  const ends: number[] = [];
  for (let at = ids.length - header.length; at >= 0; at--)
    if (header.every((id, i) => ids[at + i] === id)) ends.push(at + header.length);
  return ends;
}

/** The prompt that `ids` are, token for token; undefined when anything in it is out of place. */
export function readStyledPrompt(
  style: Style,
  vocabulary: Vocabulary,
  ids: readonly number[],
): Prompt | undefined {
  if (style.name === 'chatml') return readPrompt(vocabulary, ids);
  const text = vocabulary.join(ids).toString('utf8');
  const whole = vocabulary.encode(text, { control: true });
  if (whole.length !== ids.length || whole.some((id, i) => id !== ids[i])) return undefined;
  if (!text.endsWith(style.generationPrompt)) return undefined;
  const conversation = text.slice(0, -style.generationPrompt.length);
  const turns: { role: string; text: string }[] = [];
  const turn = new RegExp(style.turn);
  let at = 0;
  while (at < conversation.length) {
    turn.lastIndex = at;
    const found = turn.exec(conversation);
    if (found === null || found[0] === '') return undefined;
    turns.push({ role: found[1] ?? '', text: found[2] ?? '' });
    at += found[0].length;
  }
  const last = turns.at(-1);
  if (last?.role !== style.user) return undefined;
  return {
    asked: { text: asked(style, last.text, turns.length), from: 'user', turns: turns.length },
    thinking: style.thinks,
  };
}

/** Gemma's template puts the system text before the first user's, with a blank line between. */
function asked({ name }: Style, text: string, turns: number): string {
  return name === 'gemma' && turns === 1 ? (text.split('\n\n').at(-1) ?? text) : text;
}
