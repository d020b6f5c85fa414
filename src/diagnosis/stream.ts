/** From a resumed stream that goes wrong to its cause: the prompt is right, so the way back is not. */
import type { JudgedSeam } from '../checks/seam.ts';
import type { ShapeEvidence, ShapeProblem } from '../checks/shape.ts';
import type { Answer } from '../dialects/dialect.ts';
import { bytesOf, type Generation, type View } from '../seam/generation.ts';
import { viewOf } from '../seam/view.ts';
import type { RawChunk } from '../wire/capture.ts';
import type { StreamEnd } from '../wire/end.ts';
import type { Cause, Named } from './causes.ts';

const SHAPE_CAUSES: Readonly<Record<ShapeProblem, Cause>> = {
  echo: 'prefill-echoed',
  'content-as-reasoning': 'content-as-reasoning',
  'reasoning-as-content': 'reasoning-as-content',
  lost: 'text-lost',
  repeated: 'text-repeated',
  'broken-character': 'character-broken',
  'markup-leaked': 'markup-leaked',
  'new-tool-call': 'tool-call-restarted',
  'json-restarted': 'json-restarted',
  'json-broken': 'json-broken',
  finish: 'finish-dishonest',
  other: 'unexplained',
};

/** Events in a row that must come again, byte for byte, before they count as sent twice. */
const REPEATED_EVENTS = 2;

/** Names the cause of a resumed stream that broke, or whose message is wrong. */
export function nameStreamCause(seam: JudgedSeam): Named {
  const { answer, shape, continuation } = seam;
  if (seam.check === 'transport' && answer !== undefined)
    return named(endCause(answer.end, answer.finish));
  if (answer !== undefined && sentTwice(answer)) return named('events-duplicated');
  const flip = continuation?.flip;
  const short = flip !== undefined && flip.actual === undefined && flip.expected !== undefined;
  if (short && answer !== undefined && goesOn(seam, viewOf(answer.deltas)))
    return named('stopped-early');
  if (shape?.problem === undefined) return named('continuation-differs');
  if (callAgain(shape, seam.view)) return named('tool-call-restarted');
  return named(shapeCause(shape, shape.problem, seam.plan.subject.generation, answer));
}

/** True when what was sent is right as far as it goes. */
function goesOn({ plan, view }: JudgedSeam, added: View): boolean {
  const whole = viewOf(plan.subject.generation.deltas);
  return (
    whole.reasoning.startsWith(view.reasoning + added.reasoning) &&
    whole.content.startsWith(view.content + added.content) &&
    added.toolCalls.every(({ arguments: more }, i) =>
      whole.toolCalls[i]?.arguments.startsWith((view.toolCalls[i]?.arguments ?? '') + more),
    )
  );
}

/** True when the name of a tool call that the client holds is sent again. */
function callAgain({ problem, field, actual }: ShapeEvidence, { toolCalls }: View): boolean {
  const again = problem === 'repeated' && field === 'tool-call';
  return again && toolCalls.some(({ name }) => name !== '' && name === actual);
}

/** How a broken stream ended. */
function endCause(end: StreamEnd, finish: string | undefined): Cause {
  switch (end.kind) {
    case 'truncated':
      return 'stream-truncated';
    case 'reset':
      return 'stream-reset';
    case 'stalled':
      return 'stream-stalled';
    case 'garbled':
      return 'stream-garbled';
    case 'error-event':
      return /invalid diff|fail(?:ed)? to parse|parse error/i.test(end.message)
        ? 'stream-parse-error'
        : 'stream-error';
    case 'closed':
      return finish === undefined ? 'stream-cut-short' : 'unexplained';
    case 'done':
    case 'aborted':
      return 'unexplained';
  }
}

function shapeCause(
  shape: ShapeEvidence,
  problem: ShapeProblem,
  generation: Generation,
  answer: Answer | undefined,
): Cause {
  const differs = problem === 'other' || problem === 'lost';
  if (differs && isRepeated(shape.expected, shape.actual)) return 'text-repeated';
  if (problem !== 'lost') return SHAPE_CAUSES[problem];
  if (shape.field === 'tool-call' && shape.actual === '') return 'tool-call-lost';
  if (answer !== undefined && answer.deltas.length === 0 && answer.generated > 0)
    return 'deltas-missing';
  const lost = lostText(shape.expected, shape.actual);
  if (lost === undefined) return 'text-lost';
  if (lost.at === 0 && lost.text.trim() === '') return 'leading-whitespace-swallowed';
  return isOneCharacter(lost.text) && spansTokens(generation, lost.text)
    ? 'character-dropped'
    : 'text-lost';
}

/** The one piece that is left out; undefined when more is wrong than that. */
function lostText(
  expected: string,
  actual: string,
): { readonly at: number; readonly text: string } | undefined {
  let at = 0;
  while (at < actual.length && expected[at] === actual[at]) at++;
  if (!expected.slice(0, at).isWellFormed()) at--;
  const rest = actual.slice(at);
  if (rest === '') return undefined;
  for (let size = 1; at + size < expected.length; size++)
    if (expected.startsWith(rest, at + size)) return { at, text: expected.slice(at, at + size) };
  return undefined;
}

/** Characters that a repeated piece may share with what follows it. */
const SHARED = 40;

/** True when a piece is sent twice in a row and nothing else is wrong. */
function isRepeated(expected: string, actual: string): boolean {
  let at = 0;
  while (at < actual.length && expected[at] === actual[at]) at++;
  for (let end = at; end > at - SHARED; end--)
    for (let size = 1; size <= end; size++)
      if (
        actual.slice(end, end + size) === expected.slice(end - size, end) &&
        expected.startsWith(actual.slice(end + size), end)
      )
        return true;
  return false;
}

function isOneCharacter(text: string): boolean {
  return Array.from(text).length === 1;
}

/**
 * True when the character stands somewhere in the generation without being one token. Servers give
 * its bytes to the tokens that they lie in, or all to the token that completes it.
 */
function spansTokens({ tokens }: Generation, character: string): boolean {
  const wanted = Buffer.from(character);
  const raw = Buffer.from(bytesOf(tokens));
  const borders = new Set<number>();
  let end = 0;
  for (const { bytes } of tokens) {
    borders.add(bytes.length === 0 ? end + 1 : end + bytes.length);
    end += bytes.length;
  }
  for (let at = raw.indexOf(wanted); at >= 0; at = raw.indexOf(wanted, at + 1))
    for (let inside = 1; inside < wanted.length; inside++)
      if (borders.has(at + inside)) return true;
  return false;
}

/** True when the stream tells two tokens at one place, or the same events again. */
function sentTwice({ tokens, capture }: Answer): boolean {
  if (tokens.some((token, i) => token.place <= (tokens[i - 1]?.place ?? 0))) return true;
  const events = eventsOf(capture);
  return events.some((event, i) => {
    const next = events.indexOf(event, i + 1);
    return Array.from({ length: REPEATED_EVENTS }, (_, n) => n).every(
      (n) => events[i + n] === events[next + n] && i + n < next,
    );
  });
}

function eventsOf(capture: readonly RawChunk[]): string[] {
  const text = Buffer.concat(capture.map(({ bytes }) => bytes)).toString('utf8');
  return text.split(/\r?\n/).filter((line) => line.startsWith('data:'));
}

function named(cause: Cause): Named {
  return { cause, detail: '' };
}
