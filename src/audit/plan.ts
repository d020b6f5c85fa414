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
export const INTERRUPTIONS = {
  'mid-thought': {
    at: 'thought',
    how: 'reset',
    refusePrefill: false,
    describe: 'the connection is closed in the middle of the reasoning',
  },
  'after-thought': {
    at: 'after-thought',
    how: 'reset',
    refusePrefill: false,
    describe: 'the connection is closed after the reasoning, before any content',
  },
  'mid-content': {
    at: 'content',
    how: 'reset',
    refusePrefill: false,
    describe: 'the connection is closed in the middle of the content',
  },
  'mid-tool-call': {
    at: 'tool-call',
    how: 'reset',
    refusePrefill: false,
    describe: 'the connection is closed inside the arguments of a tool call',
  },
  'thinking-only': {
    at: 'after-thought',
    how: 'finished',
    refusePrefill: false,
    describe: 'the answer ends in good order after the reasoning, without content',
  },
  'prefill-refused': {
    at: 'content',
    how: 'reset',
    refusePrefill: true,
    describe: 'the connection is closed, and a trailing assistant message is refused with HTTP 400',
  },
  stall: {
    at: 'content',
    how: 'stall',
    refusePrefill: false,
    describe: 'nothing more arrives in the middle of the content',
  },
  reset: {
    at: 'start',
    how: 'reset',
    refusePrefill: false,
    describe: 'the connection is closed before any event',
  },
  'error-event': {
    at: 'content',
    how: 'error-event',
    refusePrefill: false,
    describe: 'an error event in the middle of the content, after HTTP 200',
  },
  'no-done': {
    at: 'content',
    how: 'closed',
    refusePrefill: false,
    describe: 'the body ends in the middle of the content, without finish reason and [DONE]',
  },
  'done-missing': {
    at: 'end',
    how: 'done-missing',
    refusePrefill: false,
    describe: 'the whole answer with its finish reason, but no [DONE]',
  },
  'rate-limited': {
    at: 'start',
    how: 'rate-limited',
    refusePrefill: false,
    describe: 'HTTP 429 with Retry-After',
  },
} as const satisfies Readonly<Record<string, Preset>>;
export type InterruptionName = keyof typeof INTERRUPTIONS;

export const INTERRUPTION_NAMES: readonly InterruptionName[] = Object.keys(
  INTERRUPTIONS,
) as InterruptionName[];

export function isInterruption(name: string): name is InterruptionName {
  return Object.hasOwn(INTERRUPTIONS, name);
}
