/** The ways in which an audit interrupts a generation, and their names. */

/** Where a generation is interrupted. */
export const PLACES = ['start', 'thought', 'after-thought', 'content', 'tool-call', 'end'] as const;
export type Place = (typeof PLACES)[number];

/** How it is interrupted. */
export const WAYS = [
  /** The connection is closed in the middle of the body. */
  'reset',
  /** The body ends in good order, without finish reason and without `[DONE]`. */
  'closed',
  /** Nothing more arrives; after a while the connection is closed. */
  'stall',
  /** An error event, and the end of the body. */
  'error-event',
  /** A finish reason and `[DONE]`, as if the model had ended there. */
  'finished',
  /** Everything but `[DONE]`. */
  'done-missing',
  /** HTTP 429 with Retry-After. */
  'rate-limited',
] as const;
export type BreakWay = (typeof WAYS)[number];

/** One interruption. Without `at` and `how` nothing is cut. */
export interface Interruption {
  readonly at?: Place | undefined;
  readonly how?: BreakWay | undefined;
  /** Every request that ends with an assistant message is refused with HTTP 400. */
  readonly refusePrefill: boolean;
}

interface Preset extends Interruption {
  readonly describe: string;
}

/** Every interruption that has a name, in the order in which an audit makes them. */
export const INTERRUPTION_NAMES = [
  'mid-thought',
  'after-thought',
  'mid-content',
  'mid-tool-call',
  'thinking-only',
  'prefill-refused',
  'stall',
  'reset',
  'error-event',
  'no-done',
  'done-missing',
  'rate-limited',
] as const;
export type InterruptionName = (typeof INTERRUPTION_NAMES)[number];

interface Preset extends Interruption {
  /** One line for help and reports. */
  readonly describe: string;
}

const preset = (at: Place, how: BreakWay, describe: string, refusePrefill = false): Preset => ({
  at,
  how,
  refusePrefill,
  describe,
});

export const INTERRUPTIONS: Readonly<Record<InterruptionName, Preset>> = {
  'mid-thought': preset(
    'thought',
    'reset',
    'the connection is closed in the middle of the reasoning',
  ),
  'after-thought': preset(
    'after-thought',
    'reset',
    'the connection is closed after the reasoning, before any content',
  ),
  'mid-content': preset(
    'content',
    'reset',
    'the connection is closed in the middle of the content',
  ),
  'mid-tool-call': preset(
    'tool-call',
    'reset',
    'the connection is closed inside the arguments of a tool call',
  ),
  'thinking-only': preset(
    'after-thought',
    'finished',
    'the answer ends in good order after the reasoning, without content',
  ),
  'prefill-refused': preset(
    'content',
    'reset',
    'the connection is closed, and a trailing assistant message is refused with HTTP 400',
    true,
  ),
  stall: preset('content', 'stall', 'nothing more arrives in the middle of the content'),
  reset: preset('start', 'reset', 'the connection is closed before any event'),
  'error-event': preset(
    'content',
    'error-event',
    'an error event in the middle of the content, after HTTP 200',
  ),
  'no-done': preset(
    'content',
    'closed',
    'the body ends in the middle of the content, without finish reason and [DONE]',
  ),
  'done-missing': preset(
    'end',
    'done-missing',
    'the whole answer with its finish reason, but no [DONE]',
  ),
  'rate-limited': preset('start', 'rate-limited', 'HTTP 429 with Retry-After'),
};

export function isInterruption(name: string): name is InterruptionName {
  return (INTERRUPTION_NAMES as readonly string[]).includes(name);
}
