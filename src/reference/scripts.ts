/**
 * What the scripted model says in a conversation. Known kinds of prompt get the corpus's answer;
 * anything else gets an answer drawn from a few sentences that are hard on tokenizers: double
 * spaces, blank lines, trailing spaces, CJK, combining marks, characters of several tokens.
 *
 * Nothing of an unknown prompt is repeated, so that markup in a prompt never becomes markup in
 * an answer.
 */
import { hashText } from './hash.ts';
import { knownScript, type Script } from './kinds.ts';

export type { Script } from './kinds.ts';

/** What a script depends on. */
export interface Asked {
  /** The text of the last turn, a user's or a tool's. */
  readonly text: string;
  readonly from: 'user' | 'tool';
  /** Turns before the answer; a repeated question gets another generic answer. */
  readonly turns: number;
}

export function scriptFor(asked: Asked): Script {
  if (asked.from === 'tool') return afterTool(asked.text);
  return knownScript(asked.text) ?? generic(asked);
}

/** Letters, digits and simple punctuation: what may be repeated of a tool's result. */
const HARMLESS = /[^\p{L}\p{N} .,:°%-]+/gu;

function afterTool(result: string): Script {
  const words = result.replaceAll(HARMLESS, ' ').replaceAll(/ +/g, ' ').trim();
  const told = Array.from(words).slice(0, 60).join('').trim() || 'nothing';
  return {
    reasoning: `The tool has answered: ${told}.\nI'll say it in one sentence.`,
    content: `The tool says: ${told}. 🌦️`,
  };
}

const THOUGHTS = [
  'Let me think about what is asked here,  step by step.',
  'First the plan:\n\n  - read the question;\n  - answer it in a few lines.',
  "I shouldn't hurry; there may be a catch…",
  '这个问题不难，先想一想。',
  'A seam must not show: 縫い目 is the word, and 🪡 is the tool.',
  "Is it 3 or 4? It's 3.5, I'd say;\n\tno, 3.",
  'Hmm.\n\n\nThat was a long pause.',
];

const LINES = [
  'Here is what I can say.  ',
  '- one thread 🧵,  two needles 🪡;',
  '    x  =  1,234.5   # four spaces, three, two',
  '针脚要细，线要直：「慢工出细活」。',
  'Cafe\u0301, naïve, Straße, Ελλάδα, żółw — all of them whole.',
  '\tif seam != nil {\n\t\treturn seam\n\t}',
  '> "It doesn\'t show," she said.',
  '| a | b |\n|---|--:|\n| 縫 | 12 |',
  '𝔖𝔢𝔞𝔪𝔰  are  best  unseen 👩🏾‍🎨.',
  '...\n\n\n***',
];

function generic({ text, turns }: Asked): Script {
  const seed = hashText(text, turns);
  return {
    reasoning: draw(THOUGHTS, 2, seed).join(' '),
    content: `${draw(LINES, 3, seed ^ 0x5bd1e995).join('\n\n')}\n\n   缝好了。  `,
  };
}

/** `count` different items, chosen and ordered by `seed`. */
function draw(items: readonly string[], count: number, seed: number): string[] {
  return items
    .map((item, i) => ({ item, rank: hashText(String(i), seed) }))
    .toSorted((a, b) => a.rank - b.rank)
    .slice(0, count)
    .map(({ item }) => item);
}
