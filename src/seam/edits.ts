/**
 * Small edits of what a client sends back. A strategy that is not exact as it stands may be with
 * one of them; a recipe is a strategy and its edits, written `reasoning-field/start-over`.
 */
import { bytesOf } from './generation.ts';
import { requestOf } from './generate.ts';
import { layOut } from './phases.ts';
import type { Held, Resume, Strategy } from './strategy.ts';
import { isEmptyView, viewOf } from './view.ts';

export interface Edit {
  readonly name: string;
  /** What a client has to do. */
  readonly describe: string;
  readonly apply: (held: Held, resume: (held: Held) => Resume) => Resume;
}

export const EDITS: readonly Edit[] = [
  {
    name: 'start-over',
    describe: 'when nothing was read yet, send no assistant message at all',
    apply: (held, resume) =>
      isEmptyView(held.view)
        ? { kind: 'chat', request: requestOf(held.generation.scenario) }
        : resume(held),
  },
  {
    name: 'newline-less',
    describe: 'once the thinking is over, send the reasoning without its last line break',
    apply: (held, resume) => {
      const { view } = held;
      const past = view.content !== '' || view.toolCalls.length > 0;
      if (!past || !view.reasoning.endsWith('\n')) return resume(held);
      return resume({ ...held, view: { ...view, reasoning: view.reasoning.slice(0, -1) } });
    },
  },
  {
    name: 'lead-less',
    describe: 'once the thinking is over, send the content without the line breaks at its start',
    apply: (held, resume) => {
      const { view } = held;
      const content = view.content.replace(/^\n+/, '');
      return view.reasoning === '' || content === view.content
        ? resume(held)
        : resume({ ...held, view: { ...view, content } });
    },
  },
  {
    name: 'tool-text',
    describe: 'send an unfinished tool call as the text that the model wrote, in the content',
    apply: (held, resume) =>
      held.view.toolCalls.length === 0
        ? resume(held)
        : resume({
            ...held,
            view: { ...held.view, content: textAfterThinking(held), toolCalls: [] },
          }),
  },
];

/** The raw text of the kept tokens from the start of the content on. */
function textAfterThinking({ generation, k }: Held): string {
  const layout = layOut(generation.tokens.slice(0, generation.length), viewOf(generation.deltas));
  const kept = bytesOf(generation.tokens, 0, k).subarray(layout.content[0]);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(kept, { stream: true });
}

/** A strategy with edits, applied in order; its name lists them. */
export function withEdits(strategy: Strategy, edits: readonly Edit[]): Strategy {
  let resume = strategy.resume;
  for (const edit of edits) {
    const inner = resume;
    resume = (held) => edit.apply(held, inner);
  }
  return {
    ...strategy,
    name: [strategy.name, ...edits.map((edit) => edit.name)].join('/'),
    resume,
  };
}
