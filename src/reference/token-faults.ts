/**
 * The tokenizer's faults: the same text in other tokens. A tokenizer that merges is planted
 * together with a model that writes the pieces apart, since only then is there something to merge.
 */
import type { TokenizerFault } from './fault-catalogue.ts';
import type { Plan } from './faults.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Which tokens a model writes in two pieces, and where it breaks them. */
interface Habit {
  readonly fault: TokenizerFault;
  readonly breaks: (text: string) => number | undefined;
}

const HABITS: readonly Habit[] = [
  { fault: 'spaces-merged', breaks: (text) => (/^ {2,}$/.test(text) ? 1 : undefined) },
  {
    fault: 'newlines-merged',
    breaks: (text) => (/^\s+\n$/.test(text) ? text.length - 1 : undefined),
  },
  {
    fault: 'punctuation-merged',
    breaks: (text) => /^( ?[\p{P}\p{S}]+)\n+$/u.exec(text)?.[1]?.length,
  },
  {
    fault: 'words-merged',
    breaks: (text) => (/^ ?[a-z]{4,}$/.test(text) ? Math.ceil(text.length / 2) : undefined),
  },
];

/** How a model writes: tokens by their pieces, where it has a habit. */
export class Habits {
  readonly #vocabulary: Vocabulary;
  readonly #habits: readonly Habit[];

  constructor(vocabulary: Vocabulary, plan: Plan) {
    this.#vocabulary = vocabulary;
    this.#habits = HABITS.filter(({ fault }) => plan.planted(fault));
  }

  /** The tokens that the model writes for one token. */
  pieces(id: number): readonly number[] {
    if (this.#habits.length === 0) return [id];
    const text = this.#vocabulary.textOf(id);
    for (const { breaks } of this.#habits) {
      const at = breaks(text);
      if (at === undefined || at <= 0 || at >= text.length) continue;
      const halves = [text.slice(0, at), text.slice(at)].map((half) => this.#vocabulary.find(half));
      if (halves.every((half) => half !== undefined)) return halves;
    }
    return [id];
  }

  /** What a tokenizer makes of the pieces whose habit `strikes`: the whole token again. */
  merge(ids: readonly number[], strikes: (fault: TokenizerFault) => boolean): number[] {
    const struck = this.#habits.filter(({ fault }) => strikes(fault));
    if (struck.length === 0) return [...ids];
    const merged: number[] = [];
    for (let i = 0; i < ids.length; i++) {
      const whole = this.#wholeOf(struck, ids[i], ids[i + 1]);
      merged.push(whole ?? ids[i] ?? 0);
      if (whole !== undefined) i++;
    }
    return merged;
  }

  #wholeOf(
    habits: readonly Habit[],
    first: number | undefined,
    second: number | undefined,
  ): number | undefined {
    if (first === undefined || second === undefined) return undefined;
    const [a, b] = [this.#vocabulary.textOf(first), this.#vocabulary.textOf(second)];
    if (!habits.some(({ breaks }) => breaks(a + b) === a.length)) return undefined;
    return this.#vocabulary.find(a + b);
  }
}

/** What the faults make of the ids of a prefill; `ids` are the right ones for `said`. */
export function encodePrefill(
  vocabulary: Vocabulary,
  said: string,
  ids: readonly number[],
  strikes: (fault: TokenizerFault) => boolean,
): readonly number[] {
  const plain = (text: string): number[] => vocabulary.encode(text, { control: false });
  const normalized = strikes('text-normalized') ? normalizeFrom(vocabulary, said, ids) : ids;
  if (!strikes('dummy-prefix') || said === '') return normalized;
  const [first = 0, ...rest] = normalized;
  const text = Buffer.from(vocabulary.bytes(first)).toString('utf8');
  const spaced = text.includes('\uFFFD') ? undefined : vocabulary.find(` ${text}`);
  return spaced === undefined ? [...plain(' '), first, ...rest] : [spaced, ...rest];
}

/** The ids of the normalized text; those before the first change stay as they are. */
function normalizeFrom(
  vocabulary: Vocabulary,
  said: string,
  ids: readonly number[],
): readonly number[] {
  const normal = said.normalize('NFC');
  if (normal === said) return ids;
  let same = 0;
  while (said[same] === normal[same]) same++;
  const whole = Buffer.byteLength(said.slice(0, same));
  let count = 0;
  let length = 0;
  for (const id of ids) {
    const next = length + vocabulary.bytes(id).length;
    if (next >= whole) break;
    length = next;
    count++;
  }
  const rest = Buffer.from(normal).subarray(length).toString('utf8');
  return [...ids.slice(0, count), ...vocabulary.encode(rest, { control: false })];
}
