/** Why `resume()` gave up: in one word for programs, in a sentence for people, with the evidence. */
import { SeamstressError } from '../errors.ts';
import type { Cause } from '../diagnosis/causes.ts';
import type { View } from '../seam/generation.ts';

/** What kind of trouble it was. */
export type ResumeProblem =
  /** The prompt that the server makes of the resume is not that of what was read. */
  | 'prompt-differs'
  /** The server's prompts cannot be seen, so that none can be checked. */
  | 'no-oracle'
  /** The ids of hidden tokens could not be learned, so that no prompt can be checked. */
  | 'ids-unknown'
  /** The server answered the resume with an HTTP error that says no. */
  | 'refused'
  /** The resumed stream does not go on where the one before ended. */
  | 'stitch-broken'
  /** All attempts are spent. */
  | 'attempts-spent';

/** The prompt that should be against the one that is. */
export interface PromptDifference {
  readonly cause: Cause;
  /** Index of the first id that differs. */
  readonly at: number;
  readonly expectedIds: readonly number[];
  readonly actualIds: readonly number[];
  /** What is missing from the actual text, where the server tells its render. */
  readonly removed: string;
  /** What it has instead. */
  readonly inserted: string;
}

/** A generation that could not be brought to its end. What was read until then is in `view`. */
export class ResumeError extends SeamstressError {
  readonly problem: ResumeProblem;
  /** What the caller holds: everything that was yielded. */
  readonly view: View;
  /** Only with `prompt-differs`. */
  readonly difference: PromptDifference | undefined;

  constructor(
    problem: ResumeProblem,
    message: string,
    view: View,
    more: { hint?: string; cause?: unknown; difference?: PromptDifference } = {},
  ) {
    super('target', message, more);
    this.problem = problem;
    this.view = view;
    this.difference = more.difference;
  }
}
