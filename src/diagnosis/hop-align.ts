/** Which message of a conversation became which after a hop. */
import type { JsonObject } from '../dialects/json.ts';
import { asArray, asObject, asString } from '../dialects/json.ts';

/** What a pair of messages costs: 0 for equal ones; a pair dearer than a loss and a gain is none. */
const GAP = 0.6;

/** Messages of the two sides in order; a message without its like stands alone. */
export function alignMessages(
  before: readonly JsonObject[],
  after: readonly JsonObject[],
): [i: number | undefined, j: number | undefined][] {
  const width = after.length + 1;
  // cost[i][j]: the cheapest way to turn before[i:] into after[j:].
  const cost = new Float64Array((before.length + 1) * width);
  const at = (i: number, j: number): number => cost[i * width + j] ?? 0;
  const pair = (i: number, j: number): number => distance(before[i] ?? {}, after[j] ?? {});
  for (let i = before.length; i >= 0; i--)
    for (let j = after.length; j >= 0; j--) {
      if (i === before.length && j === after.length) continue;
      cost[i * width + j] = Math.min(
        i < before.length ? at(i + 1, j) + GAP : Infinity,
        j < after.length ? at(i, j + 1) + GAP : Infinity,
        i < before.length && j < after.length ? at(i + 1, j + 1) + pair(i, j) : Infinity,
      );
    }
  const pairs: [number | undefined, number | undefined][] = [];
  for (let i = 0, j = 0; i < before.length || j < after.length;) {
    if (i < before.length && j < after.length && at(i, j) === at(i + 1, j + 1) + pair(i, j))
      pairs.push([i++, j++]);
    else if (i < before.length && at(i, j) === at(i + 1, j) + GAP) pairs.push([i++, undefined]);
    else pairs.push([undefined, j++]);
  }
  return pairs;
}

/** 0 for messages of one role and text, up to 1.5 for nothing in common. */
function distance(a: JsonObject, b: JsonObject): number {
  const role = a['role'] === b['role'] ? 0 : 0.5;
  const [x, y] = [squeezed(a), squeezed(b)];
  if (x === y) return role;
  const related = x !== '' && y !== '' && (x.includes(y) || y.includes(x));
  return role + (related ? 0.3 : role === 0 ? 0.9 : 1);
}

/** Every text of a message without its whitespace. */
function squeezed(message: JsonObject): string {
  const content = message['content'];
  const texts =
    typeof content === 'string'
      ? [content]
      : asArray(content).map((part) => asString(asObject(part)?.['text']) ?? '');
  return texts.join('').replaceAll(/\s+/g, '');
}
