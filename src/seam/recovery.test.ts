import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Message } from '../scenario/schema.ts';
import {
  afterAnswer,
  afterRefusal,
  EXTRA_ASKS,
  kindOf,
  startRecovery,
  type ReadAnswer,
  type Recovery,
  type RecoveryAsk,
} from './recovery.ts';

const TEXT = fc.constantFrom('', ' ', '\n', 'Yes.', 'Two and two', 'a b');
const INLINE = fc.constantFrom(
  '<think>hm</think>',
  '<think>\nhm\n</think>\n\n',
  '<thinking>x</thinking>',
  '<think>not closed',
  '<THINK>hm</THINK> ',
);
const CALL = { id: 'c', name: 'get_weather', arguments: '{"city": "Oslo"}' };

const MESSAGE: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ role: fc.constantFrom('user', 'system'), content: TEXT }),
  fc.record({ role: fc.constant('assistant'), content: TEXT, reasoning: TEXT }),
  fc.record({
    role: fc.constant('assistant'),
    content: TEXT,
    toolCalls: fc.constant([CALL]),
  }),
  fc.record({ role: fc.constant('tool'), content: TEXT, toolCallId: fc.constant('c') }),
);
const HISTORY = fc.array(MESSAGE, { maxLength: 6 });

const ANSWER: fc.Arbitrary<ReadAnswer> = fc.record({
  reasoning: TEXT,
  content: fc.oneof(TEXT, INLINE),
  toolCalls: fc.oneof({ weight: 6, arbitrary: fc.constant([]) }, fc.constant([CALL])),
  finish: fc.constantFrom('stop', 'stop', 'stop', 'length', 'tool_calls', undefined),
});
/** Answers of thinking alone, so that long recoveries are not rare. */
const THOUGHT: fc.Arbitrary<ReadAnswer> = fc.record({
  reasoning: fc.constantFrom('Hm.', 'Two and two', ' x\n'),
  content: fc.constantFrom('', ' ', '<think>again</think>'),
  toolCalls: fc.constant([]),
  finish: fc.constant('stop'),
});
const ANSWERS = fc.array(fc.oneof({ weight: 2, arbitrary: THOUGHT }, ANSWER), {
  minLength: EXTRA_ASKS + 1,
  maxLength: 6,
});

interface Played {
  readonly end: Recovery;
  readonly asks: readonly RecoveryAsk[];
  /** Answers that were taken. */
  readonly taken: readonly ReadAnswer[];
}

/** Plays answers until there is an outcome. */
function play(history: readonly Message[], answers: readonly ReadAnswer[]): Played {
  const asks: RecoveryAsk[] = [];
  const taken: ReadAnswer[] = [];
  let recovery = startRecovery(history);
  for (const answer of answers) {
    if (recovery.ask === undefined) break;
    asks.push(recovery.ask);
    taken.push(answer);
    recovery = afterAnswer(recovery, answer);
  }
  return { end: recovery, asks, taken };
}

/** The roles as a server sees them. */
function rolesOf({ messages, prefill }: RecoveryAsk): string[] {
  return [...messages.map(({ role }) => role), ...(prefill === undefined ? [] : ['assistant'])];
}

/** Places at which two assistant messages stand in a row. */
function pairs(roles: readonly string[]): number {
  return roles.filter((role, i) => role === 'assistant' && roles[i + 1] === 'assistant').length;
}

const property = (
  holds: (history: readonly Message[], played: Played, answers: readonly ReadAnswer[]) => void,
): void =>
  fc.assert(
    fc.property(HISTORY, ANSWERS, (history, answers) => {
      holds(history, play(history, answers), answers);
    }),
    { numRuns: 2000 },
  );

describe('for every history and every sequence of answers', () => {
  test('there is an outcome after at most two extra questions', () => {
    property((_, { end, asks }) => {
      expect(end.outcome).toBeDefined();
      expect(end.ask).toBeUndefined();
      expect(asks.length).toBeLessThanOrEqual(1 + EXTRA_ASKS);
      expect(end.extra).toBe(asks.length - 1);
    });
  });

  test('no question puts two assistant messages in a row that were not there before', () => {
    property((history, { asks }) => {
      const before = pairs(history.map(({ role }) => role));
      for (const ask of asks) expect(pairs(rolesOf(ask))).toBeLessThanOrEqual(before);
    });
  });

  test('every question holds the history, and one assistant message at most behind it', () => {
    property((history, { asks }) => {
      for (const { messages, prefill } of asks) {
        expect(messages).toEqual(history.slice(0, messages.length));
        const left = history.slice(messages.length);
        expect(left.length).toBeLessThanOrEqual(1);
        if (left.length === 1) expect(left[0]).toMatchObject({ role: 'assistant' });
        if (left.length === 1) expect(prefill).toBeDefined();
      }
      expect(asks[0]?.prefill === undefined).toBe(asks[0]?.messages.length === history.length);
    });
  });

  test('the caller’s history is never changed, and no prefill is left in what comes back', () => {
    property((history, { end }, answers) => {
      expect(end.history).toBe(history);
      const copy = structuredClone(history);
      const frozen = deepFreeze(structuredClone(history));
      expect(play(frozen, deepFreeze(structuredClone(answers))).end.outcome).toEqual(end.outcome);
      expect(frozen).toEqual(copy);
      if (end.outcome?.kind !== 'answered') return;
      const restored = end.outcome.history;
      const kept = restored.slice(0, -1);
      expect(kept).toEqual(history.slice(0, kept.length));
      expect(history.length - kept.length).toBe(opened(history) ? 1 : 0);
      expect(restored.at(-1)).toBe(end.outcome.message);
    });
  });

  test('an extra question is asked only after structured reasoning without content', () => {
    property((_, { asks, taken }) => {
      for (const answer of taken.slice(0, asks.length - 1)) {
        expect(kindOf(answer)).toBe('thinking-only');
        expect(answer.reasoning.trim()).not.toBe('');
        expect(answer.toolCalls).toEqual([]);
      }
    });
  });

  test('each prefill is what was thought until then, in the field for it, and nothing else', () => {
    property((history, { asks, taken }) => {
      const before = opened(history) ? history.at(-1) : undefined;
      for (const [i, { prefill }] of asks.slice(1).entries()) {
        const thought = taken.slice(0, i + 1).map(({ reasoning }) => reasoning);
        expect(prefill?.reasoning).toBe((before?.reasoning ?? '') + thought.join(''));
        expect(prefill?.toolCalls).toBeUndefined();
      }
    });
  });

  test('an answer with content or a tool call ends it at once, whole', () => {
    property((history, { end, taken }) => {
      const last = taken.at(-1);
      if (last === undefined || kindOf(last) !== 'content') {
        expect(end.outcome?.kind).not.toBe('answered');
        return;
      }
      const before = opened(history) ? (history.at(-1)?.reasoning ?? '') : '';
      const reasoning = before + taken.map((answer) => answer.reasoning).join('');
      expect(end.outcome).toMatchObject({ kind: 'answered', message: { role: 'assistant' } });
      if (end.outcome?.kind !== 'answered') return;
      const { message } = end.outcome;
      expect(message.reasoning ?? '').toBe(reasoning);
      expect(message.content.endsWith(last.content)).toBe(true);
      expect(message.toolCalls ?? []).toEqual(last.toolCalls);
    });
  });

  test('what falls through is an explicit outcome that says why', () => {
    property((history, { end, taken }) => {
      const last = taken.at(-1);
      const kind = last === undefined ? undefined : kindOf(last);
      if (kind === 'nothing')
        expect(end.outcome).toMatchObject({ kind: 'empty', why: 'no-reasoning' });
      if (kind === 'cut') expect(end.outcome).toMatchObject({ kind: 'cut' });
      if (kind === 'thinking-only')
        expect(end.outcome).toMatchObject({
          kind: 'empty',
          why: calls(history) ? 'no-place' : 'asked-enough',
        });
    });
  });

  test('a refused prefill ends it, with the history as it was', () => {
    property((history, _, answers) => {
      const first = answers[0];
      if (first === undefined || kindOf(first) !== 'thinking-only') return;
      if (calls(history)) return;
      const end = afterRefusal(afterAnswer(startRecovery(history), first));
      expect(end).toMatchObject({ ask: undefined, outcome: { kind: 'empty', why: 'refused' } });
      expect(end.history).toBe(history);
    });
  });
});

test('reasoning that is only inline is not taken for structured', () => {
  fc.assert(
    fc.property(fc.array(INLINE), fc.constantFrom('', ' ', '\n'), (blocks, space) => {
      const answer = { reasoning: space, content: blocks.join(space), toolCalls: [] };
      expect(kindOf(answer)).toBe('nothing');
      expect(afterAnswer(startRecovery([]), answer).outcome).toMatchObject({ kind: 'empty' });
    }),
  );
});

test('a recovery that is over takes no more answers, and a first question cannot have a refused prefill', () => {
  const over = afterAnswer(startRecovery([]), { reasoning: '', content: 'Yes.', toolCalls: [] });
  expect(() => afterAnswer(over, { reasoning: '', content: '', toolCalls: [] })).toThrow(
    RangeError,
  );
  expect(() => afterRefusal(over)).toThrow(RangeError);
  expect(() => afterRefusal(startRecovery([]))).toThrow(RangeError);
});

/** True for a history that ends with an assistant message to be continued. */
function opened(history: readonly Message[]): boolean {
  const last = history.at(-1);
  return last?.role === 'assistant' && last.toolCalls === undefined;
}

/** True for a history that ends with a tool call without its answer. */
function calls(history: readonly Message[]): boolean {
  const last = history.at(-1);
  return last?.role === 'assistant' && last.toolCalls !== undefined;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
