/** Finds secret texts in other texts, however each of their characters is spelt. */
import { leads, Readings } from './readings.ts';

/** Where a secret stands. */
export interface Found {
  readonly start: number;
  readonly end: number;
  /** Which one, by its place in the list. */
  readonly index: number;
}

/** The longest spelling of a character that is found for certain, in characters of the text. */
const LONGEST_SPELLING = 64;
/** Of a text that was cut off, so many characters of a secret at its end count as the secret. */
const LEAST_OF_CUT = 6;
/** Only values as long as this are looked for in Base64. */
const SHORTEST_IN_BASE64 = 8;

const BACKSLASH = 0x5c;

/** A text to look for: for each character the sequences of codes that may stand for it. */
interface Needle {
  readonly index: number;
  readonly text: string;
  readonly characters: readonly (readonly (readonly number[])[])[];
}

/** Texts to look for. */
export class Spelled {
  /** The most characters of a text that one of them takes. */
  readonly longest: number;
  readonly #plain: readonly string[];
  /** An escape that may belong to one of them. */
  readonly #escape: RegExp;
  /** Where one of them may begin. */
  readonly #begin: RegExp;
  /** By the code that they may begin with. */
  readonly #needles = new Map<number, Needle[]>();

  /** @param values none of them empty; those of some length are also found in Base64 */
  constructor(values: readonly string[]) {
    // Where one holds another (`Bearer KEY`), the other one is enough to see that something is there.
    const least = shortestOf(values);
    const all = values.flatMap((value, index) =>
      [value, ...(least.includes(value) ? base64Of(value) : [])].map((text) => ({ text, index })),
    );
    this.#plain = shortestOf(all.flatMap(({ text }) => [text, bytesOf(text)]));
    const own = new Set(least.flatMap((text) => Array.from(text)));
    const characters = new Set(all.flatMap(({ text }) => Array.from(text)));
    this.#escape = escapeOf([...own], [...characters]);
    this.longest = Math.max(0, ...all.map(({ text }) => text.length)) * LONGEST_SPELLING;
    for (const { text, index } of all) {
      const needle = { index, text, characters: Array.from(text, codesOf) };
      for (const code of new Set(needle.characters[0]?.map(([first = 0]) => first)))
        this.#needles.set(code, [...(this.#needles.get(code) ?? []), needle]);
    }
    const first = [...this.#needles.keys()].map((code) => String.fromCharCode(code)).join('');
    this.#begin = new RegExp(String.raw`[\\%&+${classOf(first)}]`, 'g');
  }

  /** False where there is nothing to look for. */
  get any(): boolean {
    return this.#plain.length > 0;
  }

  /**
   * Where they stand, in order, none touching another. Bytes are given as Latin-1 text.
   * @param cut the text was cut off, so that one of them may stand at its end in part
   */
  in(text: string, cut = false): readonly Found[] {
    if (!this.any) return [];
    if (this.#plain.some((plain) => text.includes(plain)) || this.#escape.test(text))
      return this.#search(text, 0, cut);
    return cut ? this.#search(text, Math.max(0, text.length - this.longest), true) : [];
  }

  /** The text with each of them replaced. */
  replace(text: string, name: (index: number) => string, cut = false): string {
    let shown = '';
    let at = 0;
    for (const { start, end, index } of this.in(text, cut)) {
      shown += text.slice(at, start) + name(index);
      at = end;
    }
    return at === 0 ? text : shown + text.slice(at);
  }

  #search(text: string, from: number, cut: boolean): Found[] {
    const found: Found[] = [];
    const begin = this.#begin;
    const readings = new Readings(text);
    begin.lastIndex = from;
    while (begin.test(text)) {
      const at = begin.lastIndex - 1;
      const hit = this.#at(text, readings, at, cut);
      if (hit === undefined) continue;
      const last = found.at(-1);
      const start = halfEscaped(text, at) ? at - 1 : at;
      if (last === undefined || start >= last.end) found.push({ ...hit, start });
      else if (hit.end > last.end) found[found.length - 1] = { ...last, end: hit.end };
    }
    return found;
  }

  /** The longest one that begins here. */
  #at(text: string, readings: Readings, at: number, cut: boolean): Found | undefined {
    let best: Found | undefined;
    const first = text.charCodeAt(at);
    const codes = leads(first) ? new Set(readings.at(at).map(({ code }) => code)) : [first];
    for (const code of codes)
      for (const needle of this.#needles.get(code) ?? []) {
        const end = endOf(needle, text, readings, at, cut);
        if (end !== undefined && (best === undefined || end > best.end))
          best = { start: at, end, index: needle.index };
      }
    return best;
  }
}

/** Each text once, without those that hold another one. */
function shortestOf(texts: readonly string[]): string[] {
  const different = [...new Set(texts)];
  return different.filter((text) => !different.some((one) => one !== text && text.includes(one)));
}

/** Where a needle that begins here ends, at the furthest. */
function endOf(
  { text: plain, characters }: Needle,
  text: string,
  readings: Readings,
  at: number,
  cut: boolean,
): number | undefined {
  let i = 0;
  // Most do not get far, and need no more than this.
  for (; i < plain.length; i++) {
    const code = text.charCodeAt(at + i);
    if (code !== plain.charCodeAt(i) || isOther(code)) break;
  }
  if (i < plain.length && !isOther(text.charCodeAt(at + i)) && at + i < text.length)
    return undefined;
  let ends: number[] = [at + i];
  for (; i < characters.length; i++) {
    const next: number[] = [];
    for (const from of ends)
      for (const codes of characters[i] ?? [])
        for (const end of afterAll(codes, readings, from)) if (!next.includes(end)) next.push(end);
    if (next.length === 0)
      return cut && i >= LEAST_OF_CUT && ends.some((end) => isCutOff(text, end))
        ? text.length
        : undefined;
    ends = next;
  }
  return Math.max(...ends);
}

/** True for characters that may stand for another one. */
function isOther(code: number): boolean {
  return code >= 0x80 || leads(code);
}

/** Where the text goes on after these codes, one after another. */
function afterAll(codes: readonly number[], readings: Readings, at: number): readonly number[] {
  const [first, ...others] = codes;
  let ends = first === undefined ? [at] : readings.after(first, at);
  for (const code of others) ends = ends.flatMap((from) => readings.after(code, from));
  return ends;
}

/** True where nothing is left of a text but, perhaps, the beginning of an escape. */
function isCutOff(text: string, at: number): boolean {
  return (
    text.length - at < LONGEST_SPELLING &&
    /^(?:[\\%&][\\%&#;\w]*|[\u0080-\uffff]*)$/.test(text.slice(at))
  );
}

/** True after an odd number of backslashes: to take what follows the last one would break JSON. */
function halfEscaped(text: string, at: number): boolean {
  let run = 0;
  while (text.charCodeAt(at - 1 - run) === BACKSLASH) run++;
  return run % 2 === 1;
}

/** A character as code point, as UTF-16, as UTF-8, and as UTF-8 that was taken for Latin-1 and encoded again. */
function codesOf(character: string): number[][] {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return [[code]];
  const bytes = bytesOf(character);
  return [String.fromCodePoint(code), bytes, bytesOf(bytes)]
    .map((text) => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)))
    .concat(code < 0x10000 ? [] : [[code]]);
}

/** UTF-8 as Latin-1 text. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/**
 * What a Base64 text of anything in which the value stands has in common: at each of the three
 * places where the value may begin in a group, the characters that depend on it alone.
 */
function base64Of(value: string): string[] {
  if (value.length < SHORTEST_IN_BASE64) return [];
  const bytes = Buffer.from(value);
  const inside = [0, 1, 2].map((before) => {
    const bits = (before + bytes.length) * 8;
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(bits / 6));
  });
  const alone = bytes.toString('base64');
  const all = [alone, alone.replaceAll('=', ''), ...inside];
  return [...new Set(all.flatMap((text) => [text, urlSafe(text)]))];
}

function urlSafe(base64: string): string {
  return base64.replaceAll('+', '-').replaceAll('/', '_');
}

/**
 * What is in every text that spells one of these characters in another way than as itself.
 * @param own those of the values, whose punctuation may be escaped in any place
 */
function escapeOf(own: readonly string[], all: readonly string[]): RegExp {
  // An escape may be escaped itself.
  const codes = [...new Set([...all, '\\', '%', '&'].flatMap((one) => codesOf(one).flat()))];
  const of = (digits: number): string =>
    codes
      .filter((code) => code < 16 ** digits)
      .map((code) => code.toString(16).padStart(digits, '0'))
      .join('|');
  const short = own.filter((one) => one < '0' || /^[:-@[-`{-~]$/.test(one)).join('');
  const controls = /[\0-\x1f]/.test(own.join('')) ? 'bfnrt' : '';
  const others = own.filter((one) => (one.codePointAt(0) ?? 0) >= 0x80).join('');
  return new RegExp(
    [
      String.raw`\\(?:u(?:\{|${of(4)})|U000|x(?:${of(2)})|[/${controls}${classOf(short)}])`,
      `%(?:u|${of(2)})`,
      '&(?:#|%23|amp|lt|gt|quot|apos)',
      ...(own.includes(' ') ? [String.raw`\+`] : []),
      ...(others === ''
        ? []
        : [`[${classOf(others + bytesOf(others) + bytesOf(bytesOf(others)))}]`]),
    ].join('|'),
    'i',
  );
}

/** Characters as they stand in brackets of a regular expression. */
function classOf(characters: string): string {
  return Array.from(
    { length: characters.length },
    (_, i) => String.raw`\u` + characters.charCodeAt(i).toString(16).padStart(4, '0'),
  ).join('');
}
