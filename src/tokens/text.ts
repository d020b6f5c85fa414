/** Bytes as text, and text as something that can be printed without harm. */
import { characterLength, decodeUtf8, splitUtf8 } from './utf8.ts';

/**
 * Decodes what is whole. A character that is cut at the end is held back, as a streaming client
 * does; broken bytes elsewhere become U+FFFD. A byte order mark is kept.
 *
 * @returns the text, and how many bytes at the end belong to an unfinished character (0 to 3)
 */
export function decodeWhole(bytes: Uint8Array): { text: string; held: number } {
  const held = unfinished(bytes);
  return { text: decodeUtf8(bytes.subarray(0, bytes.length - held)), held };
}

/** A text without its whitespace. */
export function withoutSpace(text: string): string {
  return text.replaceAll(/\s+/g, '');
}

function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0x80 && byte < 0xc0) continue;
    return characterLength(bytes, bytes.length - back) < 0 ? back : 0;
  }
  return 0;
}

const GLYPHS: Readonly<Record<string, string>> = {
  '\n': '⏎',
  '\t': '⇥',
  '\r': '␍',
  '\u00A0': '⍽',
};

/** Controls, format and zero-width characters, separators, and code points without a character. */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
/** Our own signs, escaped where a text contains them, so that nothing reads two ways. */
const SIGNS = /[␠⏎⇥␍⍽‹›]/u;
const OTHER_SPACE = /\p{Zs}/u;
const MARK = /\p{M}/u;

/**
 * A text with its white space and hidden characters made visible. Nothing in the result can move
 * the cursor, set colours or turn the direction of writing.
 *
 * A space is shown as `␠` where it would be missed: at either end, in a run, beside a line break.
 * Single spaces between words stay, or become `·` with `dots`.
 *
 * @example visible('Done.\n  x\u200D') // 'Done.⏎␠␠x‹U+200D›'
 */
export function visible(text: string, options: { readonly dots?: boolean } = {}): string {
  const characters = Array.from(text);
  return characters
    .map((character, i) => {
      if (character === ' ') {
        const inner = isInk(characters[i - 1]) && isInk(characters[i + 1]);
        return inner ? (options.dots === true ? '·' : ' ') : '␠';
      }
      const glyph = GLYPHS[character];
      if (glyph !== undefined) return glyph;
      const hidden =
        HIDDEN.test(character) ||
        SIGNS.test(character) ||
        OTHER_SPACE.test(character) ||
        (options.dots === true && character === '·') ||
        // Without a base of its own a mark would sit on whatever the report prints before it.
        (MARK.test(character) && !isInk(characters[i - 1]));
      return hidden ? escaped(character) : character;
    })
    .join('');
}

/** True for a character that shows as itself. */
function isInk(character: string | undefined): boolean {
  return character !== undefined && !/\s/u.test(character) && !HIDDEN.test(character);
}

function escaped(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  return `‹U+${point.toString(16).toUpperCase().padStart(4, '0')}›`;
}

/**
 * A token's bytes for a report: its text, with bytes that are no whole character in hexadecimal.
 *
 * @example showPiece(Uint8Array.of(0x20, 0xe2, 0x82)) // '␠‹E2 82›'
 */
export function showPiece(bytes: Uint8Array): string {
  return [...splitUtf8(bytes)]
    .map((part) =>
      part.valid ? visible(decodeUtf8(part.bytes), { dots: true }) : hexadecimal(part.bytes),
    )
    .join('');
}

function hexadecimal(bytes: Uint8Array): string {
  return `‹${Array.from(bytes, (byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(' ')}›`;
}
