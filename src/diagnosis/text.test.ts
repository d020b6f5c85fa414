import { describe, expect, test } from 'vitest';
import type { CountEvidence } from '../checks/count.ts';
import type { JudgedSeam } from '../checks/seam.ts';
import type { ShapeProblem } from '../checks/shape.ts';
import { nameTextCause } from './text.ts';

interface Seen {
  readonly problem?: ShapeProblem;
  /** Prompt tokens more than the prompt before the cut; the kept ones are 20, 12 of them reasoning. */
  readonly added?: number;
  /** Tokens generated, of 24 that were sent. */
  readonly generated?: number;
  readonly loses?: boolean;
}

/** A failing seam after 20 tokens, as far as its cause depends on it. */
function seam({ problem, added, generated, loses = false }: Seen): JudgedSeam {
  const promptCount: CountEvidence | undefined =
    added === undefined
      ? undefined
      : { agrees: added >= 20 && added <= 22, base: 30, least: 50, most: 52, actual: 30 + added };
  const tokens = Array.from({ length: 40 }, (_, i) => ({
    phase: i < 12 ? 'reasoning' : 'content',
  }));
  return {
    plan: {
      k: 20,
      strategy: { loses: () => loses },
      subject: { generation: { tokens, deltas: [] } },
    },
    view: { reasoning: 'r', content: 'c', toolCalls: [] },
    check: 'shape',
    promptCount,
    shape: { problem, field: 'content', expected: 'one two', actual: 'three' },
    answer: {
      generated: 24,
      deltas: [],
      tokens: [],
      capture: [],
      usage: { generatedTokens: generated },
    },
  } as unknown as JudgedSeam;
}

describe('what texts and counts lead to', () => {
  test.each<readonly [string, string, Seen]>([
    ['prefill-echoed', '', { problem: 'echo' }],
    ['prefill-echoed', '', { problem: 'echo', added: 21, generated: 24 }],
    ['prefill-echoed', '', { problem: 'echo', added: 26, generated: 4 }],
    ['answered-anew', '', { problem: 'echo', added: 26, generated: 24 }],
    ['prefill-dropped', '', { problem: 'echo', added: 0, generated: 24 }],
    ['prefill-dropped', '', { problem: 'other', added: 1 }],
    ['reasoning-dropped', '', { problem: 'other', added: 8 }],
    ['reasoning-dropped', '', { added: 7 }],
    ['prompt-count-differs', 'more', { problem: 'other', added: 26 }],
    ['prompt-count-differs', 'fewer', { added: 18 }],
    ['text-differs', '', { problem: 'other', added: 20 }],
    ['text-differs', '', { problem: 'repeated' }],
    ['content-as-reasoning', '', { problem: 'content-as-reasoning', added: 20 }],
    ['client-drops-reasoning', '', { problem: 'other', added: 8, loses: true }],
  ])('%s %s', (cause, detail, seen) => {
    expect(nameTextCause(seam(seen))).toEqual({ cause, detail });
  });
});
