/**
 * JSON from outside: from a server, a file or a tape. Deep nesting costs a hundred times a text's
 * size and ends what recurses over it, so that it is refused before a value is made of it.
 */

/** Lists and objects inside one another, at most. */
export const MOST_LEVELS = 500;

/** Lists and objects of one text, at most: each takes some fifty bytes, and two characters. */
export const MOST_CONTAINERS = 2_000_000;

/**
 * The value of a JSON text.
 *
 * @throws {SyntaxError} when it is not JSON
 * @throws {RangeError} when it is nested too deeply, or has too many parts
 */
export function parseJson(text: string): unknown {
  const trouble = jsonTrouble(text);
  if (trouble !== undefined) throw new RangeError(`it is ${trouble}`);
  return JSON.parse(text) as unknown;
}

/** Why no value is made of a JSON text, to be read after "it is"; undefined when nothing is wrong. */
export function jsonTrouble(text: string): string | undefined {
  // Each level takes two characters, so that most texts need not be looked at.
  if (text.length <= 2 * MOST_LEVELS || !opensMoreThan(text, MOST_LEVELS)) return undefined;
  let levels = 0;
  let containers = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE) {
      // To the end of the string; where there is none, it is not JSON.
      for (let inside = text.charCodeAt(++i); inside !== QUOTE; inside = text.charCodeAt(++i)) {
        if (inside === BACKSLASH) i++;
        if (i >= text.length) return undefined;
      }
    } else if ((unit | CURLED) === OPENING) {
      if (++levels > MOST_LEVELS) return `too deeply nested (more than ${MOST_LEVELS} levels)`;
      if (++containers > MOST_CONTAINERS)
        return `too large (more than ${MOST_CONTAINERS} lists and objects)`;
    } else if ((unit | CURLED) === CLOSING) levels--;
  }
  return undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** The bit that makes `{` of `[`, and `}` of `]`. */
const CURLED = 0x20;
const OPENING = 0x7b;
const CLOSING = 0x7d;

/** Whether a text has more opening brackets, those in strings too: told much faster than how they nest. */
function opensMoreThan(text: string, most: number): boolean {
  let opened = 0;
  for (const bracket of '[{')
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1))
      if (++opened > most) return true;
  return false;
}
