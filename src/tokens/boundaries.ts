/**
 * Places where a text may be taken apart without changing how either part is encoded. They make
 * it possible to encode a prefix from its last such place only.
 *
 * A place between two characters is one when nothing in the pipeline ever holds the two together:
 * no added token, no match of a splitting pattern and, where nothing splits, no token of the
 * vocabulary. That is decided by the two characters alone. The part to the left may still depend
 * on the first character to the right, through a look-ahead, and on nothing beyond it.
 */
import { flatten } from './definition.ts';
import type { Component, Definition } from './definition.ts';
import { literalFacts, patternFacts } from './pattern.ts';
import type { PatternFacts } from './pattern.ts';
import { vocabularyOf } from './pieces.ts';

export interface Boundaries {
  /** True when every text that has these two characters side by side can be taken apart there. */
  separates(before: string, after: string): boolean;
  /**
   * True when encoding puts a space before each text: a part that is encoded by itself must then
   * go without the space that it starts with.
   */
  readonly addsSpace: boolean;
}

/**
 * Characters that neither compose with what precedes them nor change under NFC, and which every
 * regular expression dialect puts into the same classes.
 */
const SAFE =
  /^[\t\n\r\x20-\x7E\u3001\u3002\u3041-\u3096\u30A1-\u30FA\u4E00-\u9FFF\uAC00-\uD7A3\uFF01-\uFF0F]$/u;

/** Reads the rule off a definition; undefined when the definition has parts that we can't judge. */
export function boundariesOf(definition: Definition): Boundaries | undefined {
  let addsSpace = false;
  let startsWithSpace = false;
  let underscored = false;
  for (const normalizer of flatten(definition.normalizer)) {
    if (normalizer.type === 'Prepend' && normalizer['prepend'] === '▁' && !underscored)
      addsSpace = true;
    else if (replacesSpaces(normalizer)) underscored = true;
    else if (normalizer.type !== 'NFC') return undefined;
  }
  if (addsSpace && !underscored) return undefined;

  const stages: PatternFacts[] = [];
  let byteLevel = false;
  for (const stage of flatten(definition.pre_tokenizer)) {
    if (stage.type === 'Split') {
      const facts = factsOf(stage);
      if (facts === undefined) return undefined;
      stages.push(facts);
    } else if (stage.type === 'ByteLevel') {
      if (stage['use_regex'] !== false || stage['add_prefix_space'] === true) return undefined;
      byteLevel = true;
    } else if (stage.type === 'Metaspace') {
      if (stages.length > 0 || (stage['replacement'] ?? '▁') !== '▁') return undefined;
      underscored = true;
      startsWithSpace = stage['prepend_scheme'] !== 'never';
    } else return undefined;
  }
  if (addsSpace && startsWithSpace) return undefined;

  const added = new Set(definition.added_tokens.flatMap((token) => neighbours(token.content)));
  const stripsLeft = definition.added_tokens.some((token) => token.lstrip === true);
  const stripsRight = definition.added_tokens.some((token) => token.rstrip === true);
  const vocabulary = lazily(
    () => new Set(vocabularyOf(definition).flatMap(([token]) => neighbours(token))),
  );
  const ignoresMerges = definition.model.ignore_merges === true;

  const separates = (before: string, after: string): boolean => {
    if (!SAFE.test(before) || !SAFE.test(after)) return false;
    if ((addsSpace || startsWithSpace) && after !== ' ') return false;
    if (added.has(before + after)) return false;
    if ((stripsLeft && /\s/.test(before)) || (stripsRight && /\s/.test(after))) return false;
    const [left, right] = underscored ? [spelled(before), spelled(after)] : [before, after];
    if (added.has(left + right)) return false;
    for (const stage of stages) {
      if (stage.mayJoin(left, right)) return false;
      if (stage.alwaysStarts(right)) return true;
    }
    // A character with a token of its own is never fused with an unknown one before it.
    return (
      !byteLevel && !ignoresMerges && !vocabulary().has(left + right) && vocabulary().has(right)
    );
  };
  return { separates: remembered(separates), addsSpace };
}

function factsOf(stage: Component): PatternFacts | undefined {
  const pattern = stage['pattern'];
  if (stage['invert'] === true || typeof pattern !== 'object' || pattern === null) return undefined;
  const literal: unknown = Reflect.get(pattern, 'String');
  if (typeof literal === 'string') return literalFacts(literal);
  const source: unknown = Reflect.get(pattern, 'Regex');
  return typeof source === 'string' ? patternFacts(source) : undefined;
}

function replacesSpaces(normalizer: Component): boolean {
  const pattern = normalizer['pattern'];
  return (
    normalizer.type === 'Replace' &&
    normalizer['content'] === '▁' &&
    typeof pattern === 'object' &&
    pattern !== null &&
    Reflect.get(pattern, 'String') === ' '
  );
}

function spelled(character: string): string {
  return character === ' ' ? '▁' : character;
}

/** Every two characters that stand side by side in a token; for a token of one character, that. */
function neighbours(token: string): string[] {
  const characters = Array.from(token);
  if (characters.length < 2) return characters;
  return characters.slice(1).map((character, i) => `${characters[i]}${character}`);
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function remembered(rule: (before: string, after: string) => boolean): typeof rule {
  const known = new Map<string, boolean>();
  return (before, after) => {
    const key = before + after;
    let answer = known.get(key);
    if (answer === undefined) known.set(key, (answer = rule(before, after)));
    return answer;
  };
}
