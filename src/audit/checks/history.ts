/** Is what the client sends a conversation that servers take? */
import { isEmpty, trailingOf, type Message } from '../conversation.ts';
import { heldAfter, isOf } from '../sequel.ts';
import type { Turn } from '../turn.ts';
import { fail, notSeen, pass, type Check } from './check.ts';

/** Turns in which the client sends an assistant message at all. */
function speaking(turns: readonly Turn[]): Turn[] {
  return turns.filter(({ asked }) => asked.messages.some(({ role }) => role === 'assistant'));
}

const SILENT = 'it sent no assistant message';

/** An empty assistant message takes the generation prompt away on some servers. */
export const noEmptyAssistant: Check = {
  name: 'no-empty-assistant',
  right: 'sends no assistant message without text and calls',
  wrong: 'The client sends an assistant message that says nothing.',
  judge({ turns }) {
    const seen = speaking(turns);
    if (seen.length === 0) return notSeen(SILENT);
    const wrong = seen.find(({ asked }) =>
      asked.messages.some((message) => message.role === 'assistant' && isEmpty(message)),
    );
    if (wrong === undefined) return pass(`none in ${seen.length} requests`, ...numbers(seen));
    const trailing = trailingOf(wrong.asked);
    const last = trailing !== undefined && isEmpty(trailing);
    return fail(
      last
        ? 'the request ends with an empty assistant message'
        : 'an earlier assistant message is empty',
      [wrong.n],
      last ? { cause: 'client-sends-empty' } : {},
    );
  },
};

/** A trailing assistant message is continued as if the model had written it. */
export const ownPrefill: Check = {
  name: 'own-prefill',
  right: 'ends a request with an assistant message only if the model wrote it',
  wrong: 'The client ends its request with an assistant message that the model did not write.',
  judge({ turns }) {
    const ending = turns.filter(({ asked }) => {
      const trailing = trailingOf(asked);
      return trailing !== undefined && !isEmpty(trailing);
    });
    if (ending.length === 0) return notSeen('no request ends with an assistant message');
    const foreign = ending.find((turn) => {
      const trailing = trailingOf(turn.asked);
      const earlier = turns.filter(({ n }) => n < turn.n);
      return trailing !== undefined && !earlier.some((before) => isOf(heldAfter(before), trailing));
    });
    if (foreign === undefined)
      return pass(`its own in ${ending.length} requests`, ...numbers(ending));
    const text = trailingOf(foreign.asked)?.content ?? '';
    return fail(
      `the request ends with ${text.length} characters of the client's own, as the assistant's`,
      [foreign.n],
      { texts: { held: '', sent: text.slice(0, 120) } },
    );
  },
};

/** Strict templates refuse two turns of one role in a row. */
export const rolesAlternate: Check = {
  name: 'roles-alternate',
  right: 'alternates the roles',
  wrong: 'The client sends two messages of one role in a row.',
  judge({ turns }) {
    const seen = speaking(turns);
    const wrong = turns.find(({ asked }) => twice(asked.messages) !== undefined);
    if (wrong !== undefined)
      return fail(`two ${twice(wrong.asked.messages)} messages in a row`, [wrong.n]);
    return seen.length === 0
      ? notSeen(SILENT)
      : pass(`in ${seen.length} requests`, ...numbers(seen));
  },
};

/** The role that stands twice in a row; results of several tool calls may. */
function twice(messages: readonly Message[]): string | undefined {
  return messages.find(
    ({ role }, i) =>
      (role === 'user' || role === 'assistant') && i > 0 && messages[i - 1]?.role === role,
  )?.role;
}

function numbers(turns: readonly Turn[]): number[] {
  return turns.map(({ n }) => n);
}
