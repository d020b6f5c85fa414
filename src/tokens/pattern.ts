/**
 * What can be known of a splitting pattern without running it: which two neighbouring characters
 * no match can ever hold together, and which characters always begin one.
 */

/** One character of a pattern: a class, an escape or a literal. */
interface Atom {
  readonly matches: (character: string) => boolean;
  readonly optional: boolean;
  readonly repeats: boolean;
}

interface Alternative {
  readonly atoms: Atom[];
  /** Holds no group and no look-ahead, so that it matches wherever its atoms do. */
  plain: boolean;
}

/** The answers are about safe characters only (see `boundaries.ts`), where Oniguruma and JavaScript agree. */
export interface PatternFacts {
  /** False: no match, and no attempt at one, takes `before` and `after` side by side. */
  mayJoin(before: string, after: string): boolean;
  /** True: wherever a search arrives at this character, a match begins, whatever follows. */
  alwaysStarts(character: string): boolean;
}

/**
 * Reads a pattern of alternatives of character classes, as tokenizers have them. The order of the
 * classes is all that counts, which errs on the side of `mayJoin`.
 *
 * @returns undefined for a pattern with anything else in it: look-behind, look-ahead of more than
 *   one character, anchors, back references, repeated groups
 */
export function patternFacts(source: string): PatternFacts | undefined {
  const alternatives = parse(source);
  if (alternatives === undefined) return undefined;
  return {
    mayJoin: (before, after) =>
      alternatives.some(({ atoms }) =>
        atoms.some(
          (atom, i) =>
            atom.matches(before) &&
            atoms.some((other, j) => (j > i || (j === i && atom.repeats)) && other.matches(after)),
        ),
      ),
    alwaysStarts: (character) =>
      alternatives.some(({ atoms, plain }) => {
        const i = atoms.findIndex((atom) => atom.matches(character));
        return (
          plain && i >= 0 && atoms.every((atom, j) => (j === i ? !atom.optional : atom.optional))
        );
      }),
  };
}

/** The facts of a literal text as a pattern. */
export function literalFacts(text: string): PatternFacts {
  const characters = Array.from(text);
  return {
    mayJoin: (before, after) =>
      characters.some((c, i) => c === before && characters[i + 1] === after),
    alwaysStarts: (character) => character === text,
  };
}

// Escapes whose meaning differs between the dialects, such as \w and \h, are left out.
const CLASS = /\[\^?(?:\\(?:[pPsSdDrnt]|u[0-9A-Fa-f]{4}|[^A-Za-z0-9])|[^\]\\[&]|&(?!&))+\]/y;
const ESCAPE = /\\(?:[pP]\{[A-Za-z_=]+\}|[sSdDrnt]|[^A-Za-z0-9])/y;
const LITERAL = /[^\\[\](){}|?*+^$.]/uy;
const QUANTIFIER = /(?:[?*+]|\{(\d*),?(\d*)\})\+?/y;
const GROUP = /\((?:\?(i)?:)?(?!\?)/y;
const LOOK_AHEAD = /\(\?[!=]/y;

function parse(source: string): Alternative[] | undefined {
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (found === null) return undefined;
    at += found[0].length;
    return found;
  };
  const takeAtom = (ignoreCase: boolean): Atom['matches'] | undefined => {
    const text = (take(CLASS) ?? take(ESCAPE) ?? take(LITERAL))?.[0];
    if (text === undefined) return undefined;
    try {
      const pattern = new RegExp(`^(?:${text})$`, ignoreCase ? 'iu' : 'u');
      return (character) => pattern.test(character);
    } catch {
      return undefined;
    }
  };

  let current: Alternative = { atoms: [], plain: true };
  const alternatives = [current];
  const groups: boolean[] = [];
  while (at < source.length) {
    if (take(/\|/y)) {
      if (groups.length === 0) alternatives.push((current = { atoms: [], plain: true }));
      continue;
    }
    if (take(LOOK_AHEAD)) {
      current.plain = false;
      if (takeAtom(false) === undefined || !take(/\)/y)) return undefined;
      continue;
    }
    const group = take(GROUP);
    if (group !== undefined) {
      current.plain = false;
      groups.push(group[1] === 'i' || groups.at(-1) === true);
      continue;
    }
    if (take(/\)/y)) {
      // A group may be left out but not repeated, or the order of its atoms would say nothing.
      if (groups.pop() === undefined) return undefined;
      take(/\?\+?/y);
      if (take(QUANTIFIER)) return undefined;
      continue;
    }
    const matches = takeAtom(groups.at(-1) === true);
    if (matches === undefined) return undefined;
    const quantifier = take(QUANTIFIER);
    const sign = quantifier?.[0][0];
    const least = sign === '{' ? Number(quantifier?.[1] ?? 0) : 1;
    if (least > 1) current.plain = false;
    const optional = sign === '?' || sign === '*' || least === 0;
    current.atoms.push({ matches, optional, repeats: sign !== undefined && sign !== '?' });
    if (take(/\?/y)) return undefined;
  }
  return groups.length === 0 ? alternatives : undefined;
}
