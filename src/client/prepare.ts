/** Makes the next request of a message that was cut, once its prompt is known to be right. */
import type { ChatRequest, Target } from '../dialects/dialect.ts';
import { chatResume, checkResume, renderResume } from '../checks/resume.ts';
import { EMPTY_VIEW, type View } from '../seam/generation.ts';
import type { Strategy } from '../seam/strategy.ts';
import { isEmptyView, sameView } from '../seam/view.ts';
import { explainDifference } from './difference.ts';
import { ResumeError } from './error.ts';
import { learnAhead, learnIds } from './learn.ts';
import type { Reading } from './reading.ts';

/** A request that may be sent. */
export interface Prepared {
  readonly request: ChatRequest;
  /** Tokens that its prompt stands for. */
  readonly kept: number;
  /** What it holds of what was read. */
  readonly view: View;
}

/**
 * The next request: the first one again when nothing was read, else the recipe's, checked.
 *
 * @param told what the caller was given, for errors
 * @param rewind tokens that may be given up to find a place where the prompt is right
 * @throws {ResumeError} `prompt-differs`, `ids-unknown` or `no-oracle`
 */
export async function prepare(
  target: Target,
  reading: Reading,
  strategy: Strategy,
  told: View,
  rewind: number,
  signal: AbortSignal,
): Promise<Prepared> {
  if (isEmptyView(reading.view)) return { request: reading.request, kept: 0, view: reading.view };
  if (!showsPrompts(target))
    throw new ResumeError(
      'no-oracle',
      'the server does not show the prompt that it makes of a resume, so that it cannot be checked',
      told,
      { hint: 'Ask again from the beginning, or use the API of a server that renders prompts.' },
    );
  if (!(await learnIds(target, reading, signal)))
    throw new ResumeError(
      'ids-unknown',
      'the ids of tokens that the stream hid cannot be learned: continued by ids, the server writes something else',
      told,
      { hint: 'The server does not repeat itself, or its text is not what its tokens say.' },
    );
  const whole = await check(target, reading, strategy, signal);
  if (whole.kind === 'right') return whole.prepared;
  for (const kept of earlierPlaces(reading, rewind)) {
    const earlier = reading.upTo(kept);
    if (isEmptyView(earlier.view)) return { request: reading.request, kept: 0, view: earlier.view };
    const found = await check(target, earlier, strategy, signal);
    if (found.kind === 'right') return found.prepared;
  }
  const { sentence, difference } = whole;
  throw new ResumeError('prompt-differs', `the resume is not exact: ${sentence}`, told, {
    hint: 'Another recipe may be exact here (seamstress probe); `rewind` gives up some tokens instead.',
    difference,
  });
}

/** True where the ids of prompts can be seen. */
export function showsPrompts({ identity }: Target): boolean {
  const { strength } = identity;
  return strength === undefined || (strength.oracle === 'prompt-ids' && strength.ids !== 'none');
}

type Checked =
  | { readonly kind: 'right'; readonly prepared: Prepared }
  | ({ readonly kind: 'wrong' } & ReturnType<typeof explainDifference>);

/** Renders the resume of what was read, and compares. */
async function check(
  target: Target,
  reading: Reading,
  strategy: Strategy,
  signal: AbortSignal,
): Promise<Checked> {
  const held = reading.held();
  const resume = chatResume(strategy, held);
  if (resume === undefined) throw new TypeError(`${strategy.name} does not send a chat message`);
  const render = (): ReturnType<typeof renderResume> => renderResume(target, resume, signal);
  const checked = await checkResume(resume, held, reading.cuts, render);
  const { prompt } = checked;
  const right = (kept: number): Checked => ({
    kind: 'right',
    prepared: { request: resume.request, kept, view: held.view },
  });
  if (prompt.agrees) return right(prompt.kept);
  const known = prompt.expected.length;
  const ahead = prompt.at === known && prompt.kept === held.k ? prompt.actual.slice(known) : [];
  if (await learnAhead(target, reading, ahead, signal)) return right(reading.generated);
  return { kind: 'wrong', ...explainDifference(held, strategy, checked) };
}

/** Earlier places where a text ended, the nearest first, at most `rewind` tokens back; tool calls are not given up. */
function earlierPlaces(reading: Reading, rewind: number): number[] {
  const { generated, view } = reading;
  if (rewind <= 0) return [];
  const ends = new Set([0, ...reading.deltas.map(({ after }) => after)]);
  return [...ends]
    .filter((end) => end < generated && generated - end <= rewind)
    .filter((end) => sameTools(reading.upTo(end).view, view))
    .toSorted((a, b) => b - a);
}

function sameTools(a: View, b: View): boolean {
  return sameView(
    { ...EMPTY_VIEW, toolCalls: a.toolCalls },
    { ...EMPTY_VIEW, toolCalls: b.toolCalls },
  );
}
