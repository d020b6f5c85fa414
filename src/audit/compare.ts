/** A text that was received against the text that was sent back. */

/** What became of a text. */
export type Difference =
  /** Byte for byte the same. */
  | 'equal'
  /** The same but for whitespace at its start or end. */
  | 'trimmed'
  /** Nothing was sent back. */
  | 'dropped'
  /** All of it, and then a part of it again. */
  | 'repeated'
  /** A beginning of it. */
  | 'cut-short'
  /** U+FFFD stands where it did not. */
  | 'broken'
  /** Anything else. */
  | 'altered';

/** Compares what was held with what was sent. */
export function compareTexts(held: string, sent: string): Difference {
  if (sent === held) return 'equal';
  if (sent === '') return held.trim() === '' ? 'trimmed' : 'dropped';
  if (sent.trim() === held.trim()) return 'trimmed';
  if (sent.includes('\uFFFD') && !held.includes('\uFFFD')) return 'broken';
  if (isRepeated(held, sent)) return 'repeated';
  return held.startsWith(sent) ? 'cut-short' : 'altered';
}

/** True for `held` followed by an end or the whole of itself; edge whitespace does not matter. */
function isRepeated(held: string, sent: string): boolean {
  const core = held.trim();
  const rest = sent.trimStart().startsWith(core) ? sent.trimStart().slice(core.length).trim() : '';
  return rest.length >= 2 && (core.endsWith(rest) || rest.startsWith(core));
}

/** True when a text has whitespace at an edge that trimming would take. */
export function hasEdges(text: string): boolean {
  return text !== '' && text.trim() !== text;
}

/** Both texts around their first difference, for evidence. */
export function around(held: string, sent: string): { held: string; sent: string } {
  let at = 0;
  while (at < held.length && held[at] === sent[at]) at++;
  const from = Math.max(0, at - 24);
  const part = (text: string): string =>
    `${from > 0 ? '…' : ''}${text.slice(from, at + 32)}${text.length > at + 32 ? '…' : ''}`;
  return { held: part(held), sent: part(sent) };
}
