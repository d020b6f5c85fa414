/**
 * How a stream ended. Every stream that the harness reads ends in exactly one of these, so that
 * a broken stream is never taken for a finished one.
 */
export type StreamEnd =
  /** `[DONE]` was read. */
  | { readonly kind: 'done' }
  /** The body ended cleanly, between two events, without `[DONE]`. */
  | { readonly kind: 'closed' }
  /** The server reported an error: as an event of the stream, or as a JSON body with status 200. */
  | { readonly kind: 'error-event'; readonly message: string; readonly body: string }
  /** The body ended in the middle of an event or of a character. */
  | { readonly kind: 'truncated'; readonly detail: string }
  /** The connection broke before the body ended. */
  | { readonly kind: 'reset'; readonly detail: string }
  /** We stopped reading on purpose. */
  | { readonly kind: 'aborted' }
  /** Nothing arrived for `afterMs` milliseconds. */
  | { readonly kind: 'stalled'; readonly afterMs: number }
  /** The body could not be read as server-sent events: another content type, invalid JSON in an event. */
  | { readonly kind: 'garbled'; readonly detail: string };

/** True when the server itself ended the stream in good order. */
export function endedWell(end: StreamEnd): boolean {
  return end.kind === 'done' || end.kind === 'closed';
}

/** One line for people: how the stream ended. */
export function describeEnd(end: StreamEnd): string {
  switch (end.kind) {
    case 'done':
      return 'ended with [DONE]';
    case 'closed':
      return 'ended cleanly, without [DONE]';
    case 'error-event':
      return `ended with an error event: ${end.message}`;
    case 'truncated':
      return `cut off: ${end.detail}`;
    case 'reset':
      return `connection lost: ${end.detail}`;
    case 'aborted':
      return 'closed by us';
    case 'stalled':
      return `nothing arrived for ${end.afterMs} ms`;
    case 'garbled':
      return `not a readable event stream: ${end.detail}`;
  }
}
