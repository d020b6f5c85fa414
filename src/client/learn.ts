/**
 * Learns the ids that a chat stream hides (think tags, parts of characters, tool calls): the known
 * ids are continued by ids, greedily as the stream itself was, and what comes must agree with
 * every id that the stream did tell and with the text that was read.
 */
import type { Target } from '../dialects/dialect.ts';
import { idsOf, type TokenEvent, type View } from '../seam/generation.ts';
import { holds, isMarkup, layOut } from '../seam/phases.ts';
import { withoutSpace } from '../tokens/text.ts';
import type { Reading } from './reading.ts';

/** Gaps that lie so near to each other are asked for in one request, in tokens. */
const WINDOW = 64;

/** Tokens that a text may be ahead of its count, and that a prompt may be ahead of what was read. */
export const AHEAD = 8;

/**
 * Fills in every unknown token.
 *
 * @returns false when what the server continues is not what the stream told
 */
export async function learnIds(
  target: Target,
  reading: Reading,
  signal: AbortSignal,
): Promise<boolean> {
  for (let gap = reading.gap(); gap !== undefined; gap = reading.gap(gap.from)) {
    const stretch = { from: gap.from, to: endOfWindow(reading, gap.to) };
    const filled =
      (await fill(target, reading, stretch.from, stretch.to, 'warm', signal)) ||
      (await fill(target, reading, stretch.from, stretch.to, 'cold', signal)) ||
      (stretch.to > gap.to && (await fill(target, reading, gap.from, gap.to, 'cold', signal)));
    if (!filled) return false;
  }
  return await catchUp(target, reading, signal);
}

/** The end of the last gap that begins within the window. */
function endOfWindow(reading: Reading, end: number): number {
  const first = end;
  let last = end;
  for (let gap = reading.gap(end); gap !== undefined; gap = reading.gap(gap.to)) {
    if (gap.to > first + WINDOW) break;
    last = gap.to;
  }
  return last;
}

async function fill(
  target: Target,
  reading: Reading,
  from: number,
  to: number,
  cache: 'warm' | 'cold',
  signal: AbortSignal,
): Promise<boolean> {
  const tokens = await goOn(target, reading, from, to - from, cache, signal);
  if (tokens.length < to - from) return false;
  const agrees = tokens.every((token, i) => {
    const told = reading.token(from + i);
    return told === undefined || told.id === token.id;
  });
  if (!agrees) return false;
  reading.put(
    from,
    tokens.map((token, i) => reading.token(from + i) ?? token),
  );
  return true;
}

/** What the model writes after the first `from` tokens. */
async function goOn(
  target: Target,
  reading: Reading,
  from: number,
  count: number,
  cache: 'warm' | 'cold',
  signal: AbortSignal,
): Promise<readonly TokenEvent[]> {
  const context = [...reading.prompt.ids, ...idsOf(reading.known(from))];
  const { tokens } = await target.complete(context, { maxTokens: count, top: 0, cache }, signal);
  return tokens.slice(0, count);
}

/** A stream can break between a text and the count of its token: then the token is learned too. */
async function catchUp(target: Target, reading: Reading, signal: AbortSignal): Promise<boolean> {
  if (covers(reading.known(), reading.view)) return true;
  const from = reading.generated;
  const next = await goOn(target, reading, from, AHEAD, 'cold', signal);
  for (let count = 1; count <= next.length; count++) {
    if (!covers([...reading.known(), ...next.slice(0, count)], reading.view)) continue;
    reading.put(from, next.slice(0, count));
    reading.settle(from);
    return true;
  }
  return false;
}

/** True when everything that a client holds is in the text of these tokens. */
export function covers(tokens: readonly TokenEvent[], view: View): boolean {
  const layout = layOut(tokens, view);
  if (!holds(layout, view)) return false;
  if (view.toolCalls.length === 0) return true;
  // Servers write a call's JSON anew, with other spaces than the model's.
  const text = withoutSpace(layout.raw.toString());
  return view.toolCalls.every(
    (call) => text.includes(withoutSpace(call.name)) && text.includes(withoutSpace(call.arguments)),
  );
}

/**
 * A prompt may hold more than was read, where the server writes the markup that follows (`</think>`
 * after reasoning that is complete). It is right when the model would have written the same.
 *
 * @param ids what the prompt holds after the known tokens
 * @returns true when these are the model's own next tokens, and hide no text; they are then known
 */
export async function learnAhead(
  target: Target,
  reading: Reading,
  ids: readonly number[],
  signal: AbortSignal,
): Promise<boolean> {
  if (ids.length === 0 || ids.length > AHEAD) return false;
  const next = await goOn(target, reading, reading.generated, ids.length, 'cold', signal);
  if (next.length < ids.length || next.some(({ id }, i) => id !== ids[i]) || !isMarkup(next))
    return false;
  reading.put(reading.generated, next);
  return true;
}
