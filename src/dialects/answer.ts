/** Answers, put together of what was read in them and of how they were sent. */
import type { JsonReply, StreamReply } from '../wire/http.ts';
import type { Answer } from './dialect.ts';

/** What a dialect reads in an answer. */
export type Read = Pick<Answer, 'deltas' | 'tokens' | 'generated' | 'finish' | 'usage'>;

/**
 * A streamed answer.
 *
 * @param end how it ended, where its own events say that. @defaultValue as the connection ended
 */
export function streamedAnswer(
  reply: StreamReply,
  { deltas, tokens, generated, finish, usage }: Read,
  end: Answer['end'] = reply.end,
): Answer {
  return {
    deltas,
    tokens,
    generated,
    finish,
    end,
    usage,
    timing: { firstEventMs: reply.firstEventMs, totalMs: reply.totalMs },
    capture: reply.capture,
    request: reply.request,
  };
}

/** An answer in one piece. */
export function wholeAnswer(
  reply: JsonReply,
  { deltas, tokens, generated, finish, usage }: Read,
): Answer {
  return {
    deltas,
    tokens,
    generated,
    finish,
    end: { kind: 'done' },
    usage,
    timing: { firstEventMs: undefined, totalMs: reply.ms },
    capture: [],
    request: reply.request,
  };
}
