/** What `resume()` yields. */
import type { PlacedToken } from '../dialects/dialect.ts';
import type { Finish, Phase, ToolCallDelta, View } from '../seam/generation.ts';

/** How a stream ended before its message was whole. */
export type CutCause =
  /** The connection broke, or the stream ended without a finish reason. */
  | 'disconnect'
  /** Nothing came for too long. */
  | 'stall'
  /** The server's limit, or that of one attempt, was reached before the limit of the message. */
  | 'token-limit'
  /** The server told an error in the stream. */
  | 'error-event'
  /** There was no answer, or one that says “later” (HTTP 408, 429, 5xx). */
  | 'no-answer';

export type ResumeEvent =
  /** A request is sent: the first one, or one that resumes. */
  | {
      readonly kind: 'attempt';
      /** Counted from 1. */
      readonly attempt: number;
      /** Tokens that the request stands for; 0 for one that begins at the beginning. */
      readonly kept: number;
      /** Tokens that were read and are generated again. */
      readonly rewound: number;
    }
  /** Text that is new, and the tokens told since the last delta. */
  | {
      readonly kind: 'delta';
      readonly reasoning?: string;
      readonly content?: string;
      readonly toolCalls?: readonly ToolCallDelta[];
      /** With their places in the whole generation, counted from 1. */
      readonly tokens: readonly PlacedToken[];
    }
  /** The stream ended too early. What follows is another attempt or an error. */
  | {
      readonly kind: 'cut';
      readonly attempt: number;
      readonly cause: CutCause;
      readonly detail: string;
      /** Tokens generated until then. */
      readonly generated: number;
      /** Where the cut fell, as far as the text shows: `opening` when nothing was read. */
      readonly phase: Phase;
    }
  /** The message is whole. The last event. */
  | {
      readonly kind: 'finished';
      readonly finish: Finish;
      readonly attempts: number;
      readonly view: View;
      /** One for each generated token; undefined where the server told none and none was needed. */
      readonly ids: readonly (number | undefined)[];
    };
