/** Conversations of made-up clients for the tests of the judging. */
import fc from 'fast-check';
import type { Observation } from './checks/check.ts';
import type { Message } from './conversation.ts';
import type { Delivered } from './delivered.ts';
import { INTERRUPTIONS, type InterruptionName } from './plan.ts';
import { sequelOf } from './sequel.ts';
import type { Turn, TurnEnd } from './turn.ts';

const words = fc
  .array(fc.stringMatching(/^[a-z]{2,9}$/), { minLength: 3, maxLength: 8 })
  .map((list) => list.join(' '));
const edge = fc.constantFrom('', '\n', ' ', '\n\n', '  ');

/** A text of several words, with or without whitespace at its edges. */
export const text: fc.Arbitrary<string> = fc
  .tuple(edge, words, edge)
  .map((parts) => parts.join(''));

/** The conversation before the answer. */
export const history: fc.Arbitrary<Message[]> = fc
  .tuple(fc.boolean(), fc.nat({ max: 2 }), words)
  .map(([system, rounds, question]) => [
    ...(system ? [{ role: 'system', content: 'You are terse.', calls: [] }] : []),
    ...Array.from({ length: rounds }, (_, i) => [
      { role: 'user', content: `${question} ${i}`, calls: [] },
      { role: 'assistant', content: `An answer, number ${i}.`, calls: [] },
    ]).flat(),
    { role: 'user', content: question, calls: [] },
  ]);

/** What a client got before the break: always a thought, sometimes content. */
export const got: fc.Arbitrary<Delivered> = fc
  .tuple(text, fc.option(text, { nil: '' }))
  .map(([reasoning, content]) => ({
    reasoning,
    reasoningField: 'reasoning_content',
    content,
    calls: [],
  }));

export const NOTHING: Delivered = { reasoning: '', content: '', calls: [] };

export function turn(
  n: number,
  messages: readonly Message[],
  delivered: Delivered,
  end: TurnEnd = 'whole',
): Turn {
  return {
    n,
    command: 0,
    atMs: 1000 * n,
    endMs: 1000 * n + 100,
    path: '/v1/chat/completions',
    asked: { format: 'chat', model: 'thinker', stream: true, messages },
    body: {},
    status: end === 'refused' ? 400 : 200,
    delivered,
    end,
  };
}

/** The message in which a right client sends back what it holds. */
export function whole({ reasoning, content, calls }: Delivered): Message {
  return {
    role: 'assistant',
    content,
    ...(reasoning === '' ? {} : { reasoning: { text: reasoning, field: 'reasoning_content' } }),
    calls,
  };
}

/** What the checks see of turns of which the first was broken. */
export function observed(
  name: InterruptionName,
  turns: readonly Turn[],
  more: Partial<Observation> = {},
): Observation {
  return {
    interruption: INTERRUPTIONS[name],
    expect: 'resume',
    turns,
    sequel: sequelOf(turns, 0),
    commands: [{ status: 0, timedOut: false, saidFailure: false, stdout: '' }],
    control: undefined,
    stallMs: 3000,
    retryAfterMs: 1000,
    maxAttempts: 5,
    ...more,
  };
}
