/**
 * The one family of errors that a user can meet. Each says what was tried, what went wrong and
 * what to do next; the command line prints these lines and no stack trace.
 */

/** What kind of trouble it is; decides the exit status. */
export type ErrorCode =
  /** Wrong flag, unknown name, bad file: exit status 2. */
  | 'usage'
  /** A scenario or configuration file that does not fit its schema: exit status 2. */
  | 'config'
  /** The target cannot be reached, refuses us or lacks what a run needs: exit status 3. */
  | 'target'
  /** An engine could not be provisioned or started: exit status 3. */
  | 'engine'
  /** The run's own files cannot be written or read: exit status 2. */
  | 'output'
  /** The user stopped it: exit status 130. */
  | 'interrupted';

const EXIT_STATUS: Record<ErrorCode, number> = {
  usage: 2,
  config: 2,
  output: 2,
  target: 3,
  engine: 3,
  interrupted: 130,
};

/** An error with a code, one line of what happened, and one line of what to do about it. */
export class SeamstressError extends Error {
  override readonly name = 'SeamstressError';
  readonly code: ErrorCode;
  /** What the user can do next, as one sentence. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  /** The process exit status that the command contract gives to this kind of error. */
  get exitStatus(): number {
    return EXIT_STATUS[this.code];
  }
}

/** @throws {SeamstressError} `interrupted` when a signal was aborted */
export function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new SeamstressError('interrupted', 'it was stopped');
}

/** True for trouble that is not the target's: nothing can be written any more. */
export function isFatal(thrown: unknown): boolean {
  return thrown instanceof SeamstressError && thrown.code === 'output';
}

/** The message of anything that was thrown, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return (
    text.replaceAll(/\s*\n\s*/g, ' ').trim() ||
    (thrown instanceof Error ? thrown.name : 'unknown error')
  );
}
