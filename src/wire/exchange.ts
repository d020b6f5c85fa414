/**
 * One request and its answer over undici's dispatch callbacks. They are used in place of its
 * body streams, because a stream drops the bytes that it holds when the connection breaks (the
 * last events before a reset would be lost now and then) and reads them later than they came.
 */
import { setMaxListeners } from 'node:events';
import { errors, type Dispatcher } from 'undici';
import { SeamstressError } from '../errors.ts';
import type { Lanes } from './lanes.ts';
import { QuietTimer } from './quiet.ts';
import { closedByUs, explain } from './trouble.ts';

/** The headers of an answer; names in lower case. */
export type ReplyHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A request, ready to send. Times in milliseconds. */
export interface Call {
  readonly method: 'GET' | 'POST';
  /** For messages: no user, no password. */
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
  readonly connectMs: number;
  readonly headersMs: number;
  readonly stallMs: number;
  /**
   * The connection is not used again: some servers (llama.cpp among them) close it after a
   * stream without saying so, and the next request on it would fail.
   */
  readonly lastOnConnection: boolean;
}

/** The head of an answer. */
export interface Head {
  readonly status: number;
  readonly headers: ReplyHeaders;
  /** Closes the connection at once; nothing is heard of it again. */
  readonly cut: () => void;
  /** Milliseconds since the request was sent. */
  readonly now: () => number;
  /** Ends a body that is not whole after so many milliseconds from now as `trickled`. */
  readonly endWithin: (ms: number) => void;
}

/** How the bytes of a body ended. */
export type BodyEnd =
  | { readonly kind: 'complete' }
  | { readonly kind: 'broken'; readonly error: unknown }
  | { readonly kind: 'stalled'; readonly afterMs: number }
  | { readonly kind: 'trickled'; readonly afterMs: number }
  | { readonly kind: 'aborted' };

/** Takes a body. `onEnd` is the last call, and the only one of its kind; after `cut` none comes. */
export interface BodySink {
  /**
   * Takes what one read of the socket brought, often many events at once. `atMs`: milliseconds since
   * the request was sent. The bytes are the sink's to keep.
   */
  onBytes(bytes: Uint8Array, atMs: number): void;
  onEnd(end: BodyEnd, atMs: number): void;
}

/**
 * Sends a request. `accept` is called with the answer's head and returns what takes its body.
 * `fail` is called in its place with a SeamstressError (`target`, `usage` or `interrupted`) when
 * no answer comes, and at any time with what `accept` or the sink threw. Nothing is retried.
 */
export function exchange(
  lanes: Lanes,
  call: Call,
  accept: (head: Head) => BodySink,
  fail: (error: unknown) => void,
): void {
  const { signal } = call;
  if (signal.aborted) {
    fail(interrupted(call));
    return;
  }
  let sink: BodySink | undefined;
  let sentAt = performance.now();
  let over = false;
  let giveUp: (() => void) | undefined;
  let patience: NodeJS.Timeout | undefined;
  let leave = (_reuse: boolean): void => giveUp?.();
  /** What one read of the socket has brought, and when. */
  let pieces: Uint8Array[] = [];
  let readAt = 0;

  const now = (): number => performance.now() - sentAt;
  const headers = new QuietTimer(call.headersMs, () => {
    cut();
    fail(explain(new errors.HeadersTimeoutError(), call));
  });
  const body = new QuietTimer(call.stallMs, () => {
    cutOff({ kind: 'stalled', afterMs: call.stallMs });
  });

  const finish = (reuse: boolean): void => {
    if (over) return;
    over = true;
    headers.stop();
    body.stop();
    clearTimeout(patience);
    signal.removeEventListener('abort', onAbort);
    leave(reuse);
  };
  const cut = (): void => finish(false);
  const guarded = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      cut();
      fail(error);
    }
  };
  const end = (how: BodyEnd): void => guarded(() => sink?.onEnd(how, now()));
  const handOn = (): void => {
    const bytes = joined(pieces);
    pieces = [];
    if (!over && bytes !== undefined) guarded(() => sink?.onBytes(bytes, readAt));
  };
  const cutOff = (how: BodyEnd): void => {
    handOn();
    if (over) return;
    cut();
    end(how);
  };
  const endWithin = (ms: number): void => {
    patience = setTimeout(() => cutOff({ kind: 'trickled', afterMs: ms }), ms);
  };
  const onAbort = (): void => {
    cutOff({ kind: 'aborted' });
    if (sink === undefined) fail(interrupted(call));
  };

  // One signal may stop many requests; Node would warn from the eleventh on.
  setMaxListeners(0, signal);
  signal.addEventListener('abort', onAbort);
  giveUp = lanes.take((client) => {
    if (client === undefined) {
      cut();
      fail(explain(new errors.ClientClosedError(), call));
      return;
    }
    let controller: Dispatcher.DispatchController | undefined;
    leave = (reuse) => {
      if (!reuse) controller?.abort(new Error('closed by us'));
      lanes.release(client, reuse);
    };
    const { method, path, headers: sent } = call;
    client.dispatch(
      { method, path, headers: sent, body: call.body ?? null, reset: call.lastOnConnection },
      {
        onRequestStart(started) {
          if (over) return;
          controller = started;
          sentAt = performance.now();
          headers.start();
        },
        onResponseStart(_, status, fields) {
          if (over || status < 200) return;
          headers.stop();
          body.start();
          guarded(() => {
            sink = accept({ status, headers: fields, cut, now, endWithin });
          });
        },
        onResponseData(_, chunk) {
          if (over) return;
          // Servers send each event in an HTTP chunk; those of one read are handed on as one, which
          // costs a good deal less.
          if (pieces.length === 0) {
            readAt = now();
            body.touch();
            queueMicrotask(handOn);
          }
          pieces.push(chunk);
        },
        onResponseEnd() {
          handOn();
          if (over) return;
          finish(!call.lastOnConnection);
          end({ kind: 'complete' });
        },
        onResponseError(_, error) {
          handOn();
          if (over) return;
          cut();
          if (sink === undefined) fail(explain(error, call));
          else end(closedByUs(error) ? { kind: 'aborted' } : { kind: 'broken', error });
        },
      },
    );
  });
}

/** The pieces as one; undefined when there are none. */
function joined(pieces: readonly Uint8Array[]): Uint8Array | undefined {
  return pieces.length > 1 ? Buffer.concat(pieces) : pieces[0];
}

/** The error for a request that its caller aborted before it was answered in full. */
export function interrupted(call: Pick<Call, 'method' | 'url'>): SeamstressError {
  return new SeamstressError('interrupted', `${call.method} ${call.url}: interrupted`);
}
