/**
 * A track: the token ids of one prompt's script, with the model's own habits of splitting. What a
 * client is shown begins and ends at token borders: tags, separators, reasoning, content and a
 * call's arguments are encoded apart.
 */
import { hashNumbers } from './hash.ts';
import type { Script } from './scripts.ts';
import type { Markup } from './style.ts';
import type { Vocabulary } from './vocabulary.ts';

export interface Track {
  /** A hash of the prompt's ids; everything made up about this track comes from it. */
  readonly hash: number;
  readonly promptIds: readonly number[];
  /** The script's ids, the end of generation included. */
  readonly ids: readonly number[];
  /** The script's text without the end of generation. */
  readonly bytes: Buffer;
  /** Positions that nearly tie when noise is planted, with the rival of the script's token. */
  readonly ties: ReadonlyMap<number, number>;
}

/** Text around the parts of a message, as the model writes it. */
export const MARKUP = {
  opening: '<think>\n',
  closing: '</think>\n\n',
  call: '<tool_call>',
  callName: '\n{"name": "',
  callArguments: '", "arguments": ',
  callEnd: '}\n</tool_call>',
  betweenCalls: '\n',
  endOfTurn: '<|im_end|>',
} as const;

/** One in this many words nearly ties, which makes about one in twenty tokens. */
const TIE_EVERY = 3;

/** How the model writes an answer. */
interface Hand {
  readonly markup: Markup;
  readonly thinking: boolean;
  /** True for the tokens that encoding the whole text gives; see `ModelTraits`. */
  readonly natural: boolean;
  /** The tokens that the model writes for one token of its reasoning or content. */
  readonly piecesOf: (id: number) => readonly number[];
}

export function layTrack(
  vocabulary: Vocabulary,
  script: Script,
  promptIds: readonly number[],
  { markup, thinking, natural, piecesOf }: Hand,
): Track {
  if (natural) return naturalTrack(vocabulary, textOf(script, markup, thinking), promptIds, markup);
  const hash = hashNumbers(promptIds);
  const ids: number[] = [];
  const ties = new Map<number, number>();
  const say = (text: string, mayTie = false): void => {
    for (const id of vocabulary.encode(text, { control: !mayTie })) {
      const pieces = mayTie ? piecesOf(id) : [id];
      if (mayTie && pieces.length === 1 && hashNumbers([hash, ids.length], 1) % TIE_EVERY === 0) {
        const rival = rivalOf(vocabulary, id, hashNumbers([hash, ids.length], 2));
        if (rival !== undefined) ties.set(ids.length, rival);
      }
      ids.push(...pieces);
    }
  };
  if (thinking) {
    say(markup.opening);
    say(script.reasoning + markup.thoughtEnd, true);
    say(markup.closing);
  }
  say(script.content, true);
  for (const [i, call] of (script.calls ?? []).entries()) {
    if (i > 0) say(MARKUP.betweenCalls);
    say(MARKUP.call);
    say(MARKUP.callName + call.name + MARKUP.callArguments);
    for (const id of vocabulary.encode(call.arguments, { control: false })) ids.push(id);
    say(MARKUP.callEnd);
  }
  const bytes = vocabulary.join(ids);
  ids.push(vocabulary.id(markup.endOfTurn));
  return { hash, promptIds, ids, bytes, ties };
}

/** The whole text of an answer. */
function textOf(script: Script, markup: Markup, thinking: boolean): string {
  const thought = thinking
    ? markup.opening + script.reasoning + markup.thoughtEnd + markup.closing
    : '';
  const calls = (script.calls ?? []).map(
    (call) =>
      MARKUP.call +
      MARKUP.callName +
      call.name +
      MARKUP.callArguments +
      call.arguments +
      MARKUP.callEnd,
  );
  return thought + script.content + calls.join(MARKUP.betweenCalls);
}

/** Its markup is one token each, whatever else the text holds: no script has look-alikes in it. */
function naturalTrack(
  vocabulary: Vocabulary,
  text: string,
  promptIds: readonly number[],
  markup: Markup,
): Track {
  const ids = vocabulary.encode(text.normalize('NFC'), { control: true });
  const bytes = vocabulary.join(ids);
  return {
    hash: hashNumbers(promptIds),
    promptIds,
    ids: [...ids, vocabulary.id(markup.endOfTurn)],
    bytes,
    ties: new Map(),
  };
}

const rivals = new WeakMap<Vocabulary, readonly number[]>();

/** Another word of the same kind: neither is a prefix of the other, so that texts stay readable back. */
function rivalOf(vocabulary: Vocabulary, id: number, hash: number): number | undefined {
  let words = rivals.get(vocabulary);
  if (words === undefined) {
    words = Array.from({ length: vocabulary.size }, (_, i) => i).filter((i) =>
      isWord(vocabulary, i),
    );
    rivals.set(vocabulary, words);
  }
  if (!isWord(vocabulary, id)) return undefined;
  const text = latin1(vocabulary, id);
  for (let i = 0; i < words.length; i++) {
    const rival = words[(hash + i) % words.length];
    if (rival === undefined) continue;
    const other = latin1(vocabulary, rival);
    if (!other.startsWith(text) && !text.startsWith(other)) return rival;
  }
  return undefined;
}

function isWord(vocabulary: Vocabulary, id: number): boolean {
  return /^ [a-z]{2,}$/.test(latin1(vocabulary, id));
}

function latin1(vocabulary: Vocabulary, id: number): string {
  return Buffer.from(vocabulary.bytes(id)).toString('latin1');
}

/**
 * The ids of the longest beginning of the track whose text is exactly `text`; undefined when the
 * text is not a beginning of it, or ends inside a token. With `ties` a tied candidate may stand
 * in its place.
 */
export function idsOfText(
  track: Track,
  vocabulary: Vocabulary,
  text: Buffer,
  ties: boolean,
): number[] | undefined {
  if (!ties && !track.bytes.subarray(0, text.length).equals(text)) return undefined;
  const ids: number[] = [];
  let at = 0;
  for (let j = 0; at < text.length; j++) {
    const own = track.ids[j];
    if (own === undefined || j === track.ids.length - 1) return undefined;
    const rival = ties ? track.ties.get(j) : undefined;
    const id = [own, rival].find(
      (candidate) => candidate !== undefined && stands(vocabulary.bytes(candidate), text, at),
    );
    if (id === undefined) return undefined;
    ids.push(id);
    at += vocabulary.bytes(id).length;
  }
  return ids;
}

function stands(bytes: Uint8Array, text: Buffer, at: number): boolean {
  return at + bytes.length <= text.length && text.subarray(at, at + bytes.length).equals(bytes);
}
