/** Does the client notice the break, and how does it go on? */
import { holdsNothing } from '../delivered.ts';
import type { Way } from '../sequel.ts';
import {
  endOf,
  fail,
  notSeen,
  pass,
  reportsFailure,
  UNBROKEN,
  type Check,
  type Judgement,
  type Observation,
} from './check.ts';

const WORDS: Readonly<Record<Way, string>> = {
  none: 'sent nothing more',
  'start-over': 'started over',
  resume: 'resumed with a trailing assistant message',
  'new-turn': 'sent it as a finished turn and asked again in a new one',
  forgot: 'asked in a new turn, without what it held',
  empty: 'sent an empty assistant message in its place',
  other: 'changed the history and asked again',
};

/** A broken stream is not a finished one. */
export const breakNoticed: Check = {
  name: 'break-noticed',
  right: 'takes a broken answer for broken',
  wrong: 'The client takes a broken answer for a finished one.',
  judge(seen) {
    const { sequel, interruption } = seen;
    if (sequel === undefined) return UNBROKEN;
    const { how } = interruption;
    if (how === 'done-missing' || how === 'rate-limited')
      return notSeen('the answer was not broken in its body');
    const end = endOf(seen);
    const { struck, next, way } = sequel;
    const sameCommand = next !== undefined && next.command === struck.command;
    if (sameCommand) {
      if (tookCallForWhole(seen))
        return fail('it took the unfinished tool call for a whole one', [struck.n, next.n]);
      return pass(`it ${WORDS[way]}`, struck.n, next.n);
    }
    if (end === undefined || end.timedOut)
      return notSeen('it was still running when its time was over');
    if (reportsFailure(end))
      return pass(
        end.status === 0 ? 'it reported the failure' : `it ended with exit status ${end.status}`,
        struck.n,
      );
    return fail(
      how === 'finished'
        ? 'it took an answer without content for a success and ended with exit status 0'
        : 'it sent nothing more and ended with exit status 0',
      [struck.n],
    );
  },
};

/** True when a half-received call was answered with a tool result. */
function tookCallForWhole({ sequel }: Observation): boolean {
  const open = sequel?.struck.delivered.calls.at(-1);
  if (sequel?.next === undefined || open === undefined || isJson(open.arguments)) return false;
  const { messages } = sequel.next.asked;
  const before = sequel.struck.asked.messages.length;
  return messages.slice(before).some(({ role }) => role === 'tool');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Resumed, or started over. */
export const resumes: Check = {
  name: 'resumes',
  right: 'goes on from what it holds',
  wrong: 'The client does not go on from what it holds.',
  judge(seen) {
    const { sequel, interruption, expect } = seen;
    if (sequel === undefined) return UNBROKEN;
    if (interruption.how === 'done-missing') return notSeen('the answer was whole');
    const { struck, next, way } = sequel;
    if (next === undefined) return gaveUp(seen);
    const turns = [struck.n, next.n];
    if (holdsNothing(struck.delivered))
      return way === 'empty' || way === 'other'
        ? fail(`it ${WORDS[way]}`, turns)
        : pass('it asked again; it held nothing yet', ...turns);
    if (way === 'resume') return pass(`it ${WORDS.resume}`, ...turns);
    if (way === 'empty') return fail(`it ${WORDS.empty}`, turns, { cause: 'client-sends-empty' });
    const openCall = struck.delivered.calls.length > 0;
    const finished = interruption.how === 'finished' && way === 'new-turn';
    // A half tool call has no form in these APIs that servers take back, so that both are right.
    if (expect !== 'resume' || (openCall && way === 'start-over') || finished)
      return pass(`it ${WORDS[way]}`, ...turns);
    return fail(`it ${WORDS[way]}`, turns, {
      cause: way === 'start-over' || way === 'forgot' ? 'client-drops-message' : undefined,
    });
  },
};

function gaveUp(seen: Observation): Judgement {
  const { sequel, expect } = seen;
  const end = endOf(seen);
  if (end === undefined || end.timedOut)
    return notSeen('it was still running when its time was over');
  const turns = sequel === undefined ? [] : [sequel.struck.n];
  if (expect === 'notice' && reportsFailure(end)) return pass('it gave up and said so', ...turns);
  return fail(reportsFailure(end) ? 'it gave up and said so' : 'it sent nothing more', turns);
}

/** A whole answer whose `[DONE]` is missing is still whole. */
export const completeAccepted: Check = {
  name: 'complete-accepted',
  right: 'accepts a whole answer whose stream ended without [DONE]',
  wrong: 'The client asks again for an answer that it has whole.',
  judge({ sequel, interruption, commands }) {
    if (sequel === undefined) return UNBROKEN;
    if (interruption.how !== 'done-missing') return notSeen('the answer was broken');
    const { struck, next, way } = sequel;
    const again = way === 'start-over' || way === 'resume' || way === 'empty';
    if (next !== undefined && again) return fail(`it ${WORDS[way]}`, [struck.n, next.n]);
    const end = commands[struck.command];
    if (end === undefined || end.timedOut)
      return notSeen('it was still running when its time was over');
    return reportsFailure(end)
      ? fail(`it reported a failure (exit status ${end.status})`, [struck.n])
      : pass('it took the answer', struck.n);
  },
};

/** HTTP 400 to a trailing assistant message must not be met with the same message. */
export const refusalHandled: Check = {
  name: 'refusal-handled',
  right: 'asks in another way when a trailing assistant message is refused',
  wrong: 'The client has no other way when a trailing assistant message is refused.',
  judge({ turns, interruption, expect, commands }) {
    if (!interruption.refusePrefill) return notSeen('nothing was refused in this trial');
    const [first, ...more] = turns.filter((turn) => turn.end === 'refused');
    if (first === undefined) return notSeen('it never sent a trailing assistant message');
    const shown = [first.n, ...more.map((turn) => turn.n)];
    const after = turns.filter((turn) => turn.n > first.n);
    const other = after.find((turn) => turn.end !== 'refused');
    if (other !== undefined && more.length === 0)
      return pass('it asked again without it', first.n, other.n);
    if (other !== undefined)
      return fail(`it sent a message that is refused ${shown.length} times`, [...shown, other.n]);
    const end = commands[first.command];
    if (end === undefined || end.timedOut)
      return notSeen('it was still running when its time was over');
    const words = more.length === 0 ? 'it gave up' : `it sent it ${shown.length} times and gave up`;
    return expect === 'notice' && more.length === 0 && reportsFailure(end)
      ? pass('it gave up and said so', ...shown)
      : fail(words, shown);
  },
};

/** The server's Retry-After is kept. */
export const retryAfterKept: Check = {
  name: 'retry-after-kept',
  right: 'waits as long as Retry-After says',
  wrong: 'The client asks again before the time that Retry-After gives.',
  judge({ sequel, interruption, retryAfterMs }) {
    if (sequel === undefined) return UNBROKEN;
    if (interruption.how !== 'rate-limited') return notSeen('no 429 in this trial');
    const { struck, next } = sequel;
    if (next === undefined) return notSeen('it did not ask again');
    const waited = next.atMs - struck.endMs;
    const told = `it waited ${(waited / 1000).toFixed(2)} s of ${(retryAfterMs / 1000).toFixed(0)} s`;
    // Timers may fire a little early.
    return waited >= retryAfterMs - 50
      ? pass(told, struck.n, next.n)
      : fail(told, [struck.n, next.n]);
  },
};

/** A client that waits on has done nothing wrong yet: that is not seen, and never failed. */
export const stallNoticed: Check = {
  name: 'stall-noticed',
  right: 'closes a connection on which nothing arrives',
  wrong: '',
  judge({ sequel, interruption, stallMs }) {
    if (sequel === undefined) return UNBROKEN;
    if (interruption.how !== 'stall') return notSeen('nothing stalled in this trial');
    const { struck } = sequel;
    return struck.end === 'client-left'
      ? pass(`it left after ${((struck.endMs - struck.atMs) / 1000).toFixed(1)} s`, struck.n)
      : notSeen(
          `it was still waiting after ${(stallMs / 1000).toFixed(1)} s, when the audit closed the connection`,
        );
  },
};

/** How often a client asks. */
export const attempts: Check = {
  name: 'attempts',
  right: 'asks again a sensible number of times',
  wrong: 'The client asks again and again.',
  judge({ sequel, turns, interruption, maxAttempts }) {
    const refused = turns.find((turn) => turn.end === 'refused');
    const from = sequel?.struck ?? (interruption.refusePrefill ? refused : undefined);
    if (from === undefined) return UNBROKEN;
    const last = turns.findIndex((turn) => turn.n > from.n && turn.end === 'whole');
    const tried = turns
      .slice(0, last < 0 ? turns.length : last + 1)
      .filter((turn) => turn.n > from.n);
    if (tried.length === 0) return notSeen('it did not ask again');
    const told = `${tried.length} ${tried.length === 1 ? 'request' : 'requests'} after the interruption${last < 0 ? ', none answered whole' : ''}`;
    const shown = tried.map((turn) => turn.n);
    return tried.length <= maxAttempts ? pass(told, ...shown) : fail(told, shown);
  },
};
