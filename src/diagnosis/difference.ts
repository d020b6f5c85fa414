/** The text difference between the prompt that should be and the one that is. */

export interface Difference {
  /** Where it starts: characters that both texts share before it. */
  readonly at: number;
  /** What is missing from the actual text. */
  readonly removed: string;
  /** What the actual text has instead. */
  readonly inserted: string;
  readonly expected: string;
  readonly actual: string;
}

/** The beginning of a markup tag at the end of a text, and the end of one at the start. */
const OPEN_TAG = /<[|/]?[a-z_]{0,12}\|?$/i;
const CLOSE_TAG = /^[a-z_]{0,12}\|?>/i;

/** The smallest single replacement that turns `expected` into `actual` without cutting a tag in two. */
export function differenceOf(expected: string, actual: string): Difference {
  const shorter = Math.min(expected.length, actual.length);
  let at = 0;
  while (at < shorter && expected[at] === actual[at]) at++;
  at -= OPEN_TAG.exec(expected.slice(0, at))?.[0].length ?? 0;
  let tail = 0;
  while (tail < shorter - at && expected.at(-1 - tail) === actual.at(-1 - tail)) tail++;
  tail -= CLOSE_TAG.exec(expected.slice(expected.length - tail))?.[0].length ?? 0;
  return {
    at,
    removed: expected.slice(at, expected.length - tail),
    inserted: actual.slice(at, actual.length - tail),
    expected,
    actual,
  };
}

/** True for a non-empty text of whitespace only. */
export function isWhitespace(text: string): boolean {
  return text !== '' && text.trim() === '';
}
