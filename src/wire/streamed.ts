/** Takes the body of a streamed answer: events, capture, and how it ended. */
import { encodingOf, firstOf } from './collect.ts';
import type { RawChunk } from './capture.ts';
import type { StreamEnd } from './end.ts';
import type { BodyEnd, BodySink, Head } from './exchange.ts';
import { LineReader } from './ndjson.ts';
import { QuietTimer } from './quiet.ts';
import { EventReader } from './sse.ts';
import { brokenBy } from './trouble.ts';

/** What may follow `[DONE]`, in milliseconds and bytes, before the connection is given up. */
const DRAIN_MS = 1000;
const DRAIN_BYTES = 64 * 1024;
/** A server that sends only comments is given this many times the stall time between events. */
const EVENT_STALLS = 10;

/** How to read a stream. */
interface StreamedOptions {
  readonly stallMs: number;
  readonly maxEventBytes: number;
  readonly maxStreamBytes: number;
  readonly maxEvents: number;
  readonly keepCapture: boolean;
  readonly framing: 'sse' | 'ndjson';
  readonly onData: (data: string, atMs: number, eventName: string | undefined) => boolean | void;
}

/** What was read of a stream. Times in milliseconds since the request was sent. */
interface Streamed {
  readonly end: StreamEnd;
  readonly events: number;
  readonly capture: readonly RawChunk[];
  readonly firstEventMs: number | undefined;
  readonly totalMs: number;
}

/** A sink that calls `done` once. */
export function streamed(
  head: Head,
  options: StreamedOptions,
  done: (streamed: Streamed) => void,
): BodySink {
  const capture: RawChunk[] = [];
  const encoding = encodingOf(head.headers);
  let atMs = 0;
  let touchedMs = -1;
  let firstEventMs: number | undefined;
  let drained = 0;
  let size = 0;
  let heard = 0;
  /** Why a stream that does not end is given up. */
  let endless: string | undefined;
  let ended: { readonly end: StreamEnd; readonly totalMs: number } | undefined;
  let settled = false;

  const eventMs = options.stallMs * EVENT_STALLS;
  const events = new QuietTimer(eventMs, () =>
    give({ kind: 'stalled', afterMs: eventMs }, head.now()),
  );
  const drain = new QuietTimer(DRAIN_MS, () => settle());
  const { maxEventBytes } = options;
  const contentType = firstOf(head.headers['content-type']);
  const onEvent = (data: string, name: string | undefined): boolean => {
    // What one read of the socket brings comes at one time.
    if (atMs !== touchedMs) {
      events.touch();
      touchedMs = atMs;
    }
    firstEventMs ??= atMs;
    // `onData` may also stop the stream by aborting its signal, which ends it before it returns.
    if (options.onData(data, atMs, name) === true || ended !== undefined) return true;
    if (++heard > options.maxEvents) endless = `more than ${options.maxEvents} events`;
    return endless !== undefined;
  };
  const reader =
    options.framing === 'ndjson'
      ? new LineReader({ maxEventBytes, onEvent })
      : new EventReader({ maxEventBytes, contentType, onEvent });

  /** Reports, and closes the connection unless the body was read to its end. */
  const settle = (complete = false): void => {
    if (settled || ended === undefined) return;
    settled = true;
    events.stop();
    drain.stop();
    if (!complete) head.cut();
    done({ ...ended, events: reader.events, capture, firstEventMs });
  };
  const give = (end: StreamEnd, totalMs: number, complete = false): void => {
    ended ??= { end, totalMs };
    settle(complete);
  };
  events.start();

  return {
    onBytes(bytes, at) {
      atMs = at;
      if (options.keepCapture) capture.push({ atMs: at, bytes });
      if (ended !== undefined) {
        drained += bytes.length;
        if (drained > DRAIN_BYTES) settle();
        return;
      }
      if (encoding !== undefined) {
        give({ kind: 'garbled', detail: `compressed although not asked for: ${encoding}` }, at);
        return;
      }
      const end = reader.push(bytes);
      size += bytes.length;
      if (size > options.maxStreamBytes) endless = `more than ${options.maxStreamBytes} bytes`;
      if (endless !== undefined) {
        give({ kind: 'garbled', detail: `the stream does not end: ${endless}` }, at);
        return;
      }
      if (end === undefined) return;
      if (end.kind !== 'done') {
        give(end, at);
        return;
      }
      ended = { end, totalMs: at };
      events.stop();
      drain.start();
    },
    onEnd(how, at) {
      give(
        endOf(how, () => reader.finish()),
        at,
        how.kind === 'complete',
      );
    },
  };
}

function endOf(how: BodyEnd, finish: () => StreamEnd): StreamEnd {
  if (how.kind === 'complete') return finish();
  if (how.kind === 'broken') return { kind: 'reset', detail: brokenBy(how.error) };
  if (how.kind === 'trickled') return { kind: 'stalled', afterMs: how.afterMs };
  return how;
}
