/** Which message of a conversation became which after a hop. */
import type { JsonObject } from '../dialects/json.ts';
import { asArray, asObject, asString } from '../dialects/json.ts';
import { withoutSpace } from '../tokens/text.ts';

/** What a message without its like costs; a pair dearer than a loss and a gain is none. */
const GAP = 0.6;

/** Messages of the two sides in order; a message without its like stands alone. */
export function alignMessages(
  before: readonly JsonObject[],
  after: readonly JsonObject[],
): [i: number | undefined, j: number | undefined][] {
  // cost[i][j]: the cheapest way to turn before[i:] into after[j:].
  const cost: number[][] = [];
  const at = (i: number, j: number): number => cost[i]?.[j] ?? Infinity;
  const pair = (i: number, j: number): number =>
    at(i + 1, j + 1) + distance(before[i] ?? {}, after[j] ?? {});
  for (let i = before.length; i >= 0; i--) {
    const row: number[] = (cost[i] = []);
    for (let j = after.length; j >= 0; j--) {
      const cheapest = Math.min(at(i + 1, j) + GAP, at(i, j + 1) + GAP, pair(i, j));
      row[j] = i === before.length && j === after.length ? 0 : cheapest;
    }
  }
  const pairs: [number | undefined, number | undefined][] = [];
  for (let i = 0, j = 0; i < before.length || j < after.length;) {
    if (at(i, j) === pair(i, j)) pairs.push([i++, j++]);
    else if (at(i, j) === at(i + 1, j) + GAP) pairs.push([i++, undefined]);
    else pairs.push([undefined, j++]);
  }
  return pairs;
}

/** 0 for messages of one role and text, up to 1.4 for nothing in common. */
function distance(a: JsonObject, b: JsonObject): number {
  const role = a['role'] === b['role'] ? 0 : 0.5;
  const [x, y] = [squeezed(a), squeezed(b)];
  if (x === y) return role;
  const related = x !== '' && y !== '' && (x.includes(y) || y.includes(x));
  return role + (related ? 0.3 : 0.9);
}

/** Every text of a message without its whitespace. */
function squeezed(message: JsonObject): string {
  const content = message['content'];
  const texts =
    typeof content === 'string'
      ? [content]
      : asArray(content).map((part) => asString(asObject(part)?.['text']));
  return withoutSpace(texts.join(''));
}
