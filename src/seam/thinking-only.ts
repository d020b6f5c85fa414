/**
 * Thinking-only recovery as a strategy: the cuts at which the thinking is complete and nothing has
 * been said, resumed as the recovery resumes an answer that ended there. It says nothing about any
 * other cut; such seams are not tested, and counted.
 */
import type { Held, Strategy } from './strategy.ts';
import { requestOf } from './generate.ts';
import type { Generation, View } from './generation.ts';
import { afterAnswer, startRecovery } from './recovery.ts';
import { viewOf } from './view.ts';

/** Whole messages of generations: the same one is asked for at every cut. */
const WHOLE = new WeakMap<Generation, View>();

/** True where all of the thinking and nothing else is held. */
function isThinkingOnly({ generation, view }: Pick<Held, 'generation' | 'view'>): boolean {
  const whole = WHOLE.get(generation) ?? viewOf(generation.deltas);
  WHOLE.set(generation, whole);
  return (
    view.content === '' &&
    view.toolCalls.length === 0 &&
    view.reasoning.trim() !== '' &&
    view.reasoning === whole.reasoning
  );
}

function resume(flags: boolean): Strategy['resume'] {
  return ({ generation, view }) => {
    const { scenario } = generation;
    const { ask } = afterAnswer(startRecovery(scenario.messages), {
      reasoning: view.reasoning,
      content: '',
      toolCalls: [],
    });
    const messages = ask?.messages ?? scenario.messages;
    const prefill = ask?.prefill;
    const request = { ...requestOf(scenario), messages, flags };
    return {
      kind: 'chat',
      request: prefill === undefined ? request : { ...request, prefill },
    };
  };
}

const DESCRIBE = 'an answer that ended after its thinking, prefilled with that thinking alone';

/** With and without the continuation flags. */
export const THINKING_ONLY: readonly Strategy[] = [false, true].map((flags) => ({
  name: flags ? 'thinking-only+flags' : 'thinking-only',
  describe: flags ? `${DESCRIBE}, with the continuation flags` : DESCRIBE,
  loses: (view) => view.content !== '' || view.toolCalls.length > 0,
  applies: isThinkingOnly,
  resume: resume(flags),
}));
