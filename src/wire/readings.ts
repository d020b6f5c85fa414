/**
 * What a character of a text may stand for: itself, or one that is escaped as JSON, URLs, HTML and
 * programming languages do, also where such an escape has been escaped again.
 */

/** A character that may be read at some place, and where the text goes on after it. */
export interface Reading {
  /** A code point, half of one (UTF-16), or a byte of one (UTF-8). */
  readonly code: number;
  readonly end: number;
}

const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const AMPERSAND = 0x26;
const PLUS = 0x2b;
const SPACE = 0x20;

/** JSON within JSON doubles backslashes; this is four levels. */
const MOST_BACKSLASHES = 8;
/** How often an escape may stand in another one: `%25e4`, `%5Cu00e4`, `\u0026lt;`. */
const DEEPEST = 3;
const MOST_KNOWN = 1000;

/** Code points by their letter in a short escape. */
const SHORT: Readonly<Record<string, number>> = { b: 8, f: 12, n: 10, r: 13, t: 9 };
const NAMED: Readonly<Record<string, number>> = { amp: 38, lt: 60, gt: 62, quot: 34, apos: 39 };

const HEX4 = /u([0-9a-f]{4})/iy;
const HEX8 = /U([0-9a-f]{8})/iy;
const HEX2 = /x([0-9a-f]{2})/iy;
const BRACED = /u\{([0-9a-f]{1,8})\}/iy;
const PERCENTED = /(?:u([0-9a-f]{4})|([0-9a-f]{2}))/iy;
/** What follows `&`: `#` and `;` may be percent-encoded. */
const ENTITY =
  /(?:(?:#|%23)x0{0,6}([0-9a-f]{1,6})|(?:#|%23)0{0,7}(\d{1,7})|(amp|lt|gt|quot|apos))(?:;|%3B)/iy;

/** True for characters that may begin the spelling of another one. */
export function leads(code: number): boolean {
  return code === BACKSLASH || code === PERCENT || code === AMPERSAND || code === PLUS;
}

/** The ways to read the characters of a text. */
export class Readings {
  readonly #text: string;
  /** Of the places that were asked for last. */
  readonly #known = new Map<number, readonly Reading[]>();

  constructor(text: string) {
    this.#text = text;
  }

  /** Where the text goes on after a character that may be read at an index. */
  after(code: number, at: number): readonly number[] {
    const first = this.#text.charCodeAt(at);
    if (!leads(first)) return first === code ? [at + 1] : [];
    return this.at(at).flatMap((reading) => (reading.code === code ? [reading.end] : []));
  }

  /** Every way to read the character at an index; the first one is the character itself. */
  at(index: number): readonly Reading[] {
    const known = this.#known.get(index);
    if (known !== undefined) return known;
    if (this.#known.size > MOST_KNOWN) this.#known.clear();
    const found = readings(this.#text, index);
    this.#known.set(index, found);
    return found;
  }
}

function readings(text: string, at: number): readonly Reading[] {
  const found = once(text, at);
  if (found.length < 2) return found;
  /** Two escaped backslashes for one. */
  const doubled: Reading[] = [];
  let seen = 1;
  for (let depth = 0; depth < DEEPEST && seen < found.length; depth++) {
    const upTo = found.length;
    for (; seen < upTo; seen++) {
      const { code, end } = found[seen] as Reading;
      if (found.findIndex((one) => one.code === code && one.end === end) < seen) continue;
      if (code === PERCENT) percented(text, end, found);
      else if (code === AMPERSAND) entity(text, end, found);
      else if (code === BACKSLASH && text.charCodeAt(end - 1) !== BACKSLASH)
        afterBackslashes(text, end, found, doubled);
    }
  }
  return [...found, ...doubled];
}

/** The readings of one escape that is not escaped itself. */
function once(text: string, at: number): Reading[] {
  const code = text.charCodeAt(at);
  if (Number.isNaN(code)) return [];
  const found = [{ code, end: at + 1 }];
  if (code === PLUS) found.push({ code: SPACE, end: at + 1 });
  else if (code === PERCENT) percented(text, at + 1, found);
  else if (code === AMPERSAND) entity(text, at + 1, found);
  else if (code === BACKSLASH) {
    let run = 1;
    while (run <= MOST_BACKSLASHES && text.charCodeAt(at + run) === BACKSLASH) run++;
    // Halves only: an odd one more belongs to what follows.
    for (let length = 2; length <= run && length <= MOST_BACKSLASHES; length *= 2)
      found.push({ code, end: at + length });
    if (run <= MOST_BACKSLASHES) backslashed(text, at + run, found);
  }
  return found;
}

/** Goes on after a backslash that was itself escaped, as in `%5C%5C%22`. */
function afterBackslashes(text: string, at: number, found: Reading[], doubled: Reading[]): void {
  let end = at;
  for (let count = 2; count <= MOST_BACKSLASHES / 2; count++) {
    const next = once(text, end).findLast(({ code }) => code === BACKSLASH);
    if (next === undefined) break;
    end = next.end;
    if (count === 2) doubled.push({ code: BACKSLASH, end });
  }
  backslashed(text, end, found);
}

/** What follows backslashes. */
function backslashed(text: string, at: number, found: Reading[]): void {
  const letter = text.charAt(at);
  const code = text.charCodeAt(at);
  if (isPunctuation(code)) {
    found.push({ code, end: at + 1 });
    return;
  }
  const short = SHORT[letter];
  if (short !== undefined) found.push({ code: short, end: at + 1 });
  else if (letter === 'u') {
    hex(HEX4, text, at, found);
    hex(BRACED, text, at, found);
  } else if (letter === 'U') hex(HEX8, text, at, found);
  else if (letter === 'x') hex(HEX2, text, at, found);
}

function percented(text: string, at: number, found: Reading[]): void {
  hex(PERCENTED, text, at, found);
}

function entity(text: string, at: number, found: Reading[]): void {
  ENTITY.lastIndex = at;
  const match = ENTITY.exec(text);
  if (match === null) return;
  const [, digits, decimal, name = ''] = match;
  const code =
    digits === undefined
      ? decimal === undefined
        ? NAMED[name.toLowerCase()]
        : Number(decimal)
      : Number.parseInt(digits, 16);
  if (code !== undefined) found.push({ code, end: ENTITY.lastIndex });
}

function hex(pattern: RegExp, text: string, at: number, found: Reading[]): void {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  if (match === null) return;
  const digits = match[1] ?? match[2] ?? '';
  found.push({ code: Number.parseInt(digits, 16), end: pattern.lastIndex });
}

function isPunctuation(code: number): boolean {
  return code >= 0x20 && code < 0x7f && code !== BACKSLASH && !isAlphanumeric(code);
}

function isAlphanumeric(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a)
  );
}
