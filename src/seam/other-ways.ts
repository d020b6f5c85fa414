/**
 * Strategies that ask in another way than by a streamed chat: by another API of the same server,
 * for the whole answer at once, or for the rest of the very stream that was cut. A run tests them
 * only where they are named, since most of them cost a generation at every cut.
 */
import type { Route } from '../dialects/dialect.ts';
import type { Edit } from './edits.ts';
import { requestOf } from './generate.ts';
import type { Held, Resume, Strategy } from './strategy.ts';
import { STRATEGIES } from './strategy.ts';

/** The message that an API beside the chat is sent is that of this strategy. */
const FIELDS = 'reasoning-field';

function byRoute(route: Route, flags: boolean, describe: string): Strategy {
  const base = STRATEGIES.find(({ name }) => name === (flags ? `${FIELDS}+flags` : FIELDS));
  if (base === undefined) throw new Error(`unreachable: there is a strategy ${FIELDS}`);
  return {
    name: flags ? `${route}+flags` : route,
    describe,
    loses: () => false,
    needs: [route],
    resume: (held) => {
      const resume = base.resume(held);
      return resume.kind === 'chat'
        ? { kind: 'chat', request: { ...resume.request, route } }
        : resume;
    },
  };
}

const replay: Strategy = {
  name: 'stream-replay',
  describe: 'the rest of the stream that was cut, from the server’s own replay of it',
  loses: () => false,
  needs: ['stream-replay'],
  resume: ({ generation, k }) => ({
    kind: 'chat',
    request: { ...requestOf(generation.scenario), replayAfter: k },
  }),
};

/** The strategies, in the order of reports. */
export const OTHER_STRATEGIES: readonly Strategy[] = [
  byRoute('messages', false, 'thinking and text blocks to /v1/messages'),
  byRoute(
    'messages',
    true,
    'thinking and text blocks to /v1/messages, with the continuation flags',
  ),
  byRoute('responses', false, 'items of a completed answer to /v1/responses'),
  byRoute('responses', true, 'items to /v1/responses, the last one in progress'),
  replay,
];

/** `/whole` behind a strategy's name: the same resume, asked without a stream. */
export const WHOLE: Edit = {
  name: 'whole',
  describe: 'ask for the whole answer at once instead of a stream',
  apply: (held: Held, resume: (held: Held) => Resume) => {
    const resumed = resume(held);
    return resumed.kind === 'chat'
      ? { kind: 'chat', request: { ...resumed.request, whole: true } }
      : resumed;
  },
};

/** Whether a strategy sends a streamed chat, of which the whole answer can be asked for instead. */
export function canBeWhole({ name, needs = [] }: Strategy): boolean {
  return needs.length === 0 && name !== 'raw-text' && name !== 'token-ids';
}
