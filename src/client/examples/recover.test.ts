import { expect, test } from 'vitest';
import { afterAnswer, startRecovery, type ReadAnswer } from '../../index.ts';

/** A client of yours: sends messages, the last of them perhaps an unfinished one, and reads. */
function ask(question: unknown[]): ReadAnswer {
  return question.length === 1
    ? { reasoning: 'Two and two is four.', content: '', toolCalls: [], finish: 'stop' }
    : { reasoning: '', content: 'Four.', toolCalls: [], finish: 'stop' };
}

test('an answer that holds only thinking is asked for again, at most twice', () => {
  const history = [{ role: 'user', content: 'What is two and two?' }] as const;
  let recovery = startRecovery(history);
  while (recovery.ask !== undefined) {
    const { messages, prefill } = recovery.ask;
    const sent =
      prefill === undefined ? messages : [...messages, { role: 'assistant', ...prefill }];
    recovery = afterAnswer(recovery, ask([...sent]));
  }

  expect(recovery.outcome).toEqual({
    kind: 'answered',
    message: { role: 'assistant', reasoning: 'Two and two is four.', content: 'Four.' },
    history: [
      ...history,
      { role: 'assistant', reasoning: 'Two and two is four.', content: 'Four.' },
    ],
  });
});
