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

/** The same seam with other numbers of tokens kept, and of reasoning among them. */
function nameCount(k: number, reasoning: number, added: number, seen: Seen = {}): string {
  const one = seam({ problem: 'other', added, ...seen });
  const tokens = Array.from({ length: 40 }, (_, i) => ({
    phase: i < reasoning ? 'reasoning' : 'content',
  }));
  const plan = { ...one.plan, k, subject: { generation: { tokens, deltas: [] } } };
  const promptCount = {
    agrees: false,
    base: 30,
    least: 30 + k,
    most: 32 + k,
    actual: 30 + added,
  };
  const { cause, detail } = nameTextCause({ ...one, plan, promptCount } as unknown as JudgedSeam);
  return `${cause} ${detail}`.trim();
}

describe('how near the numbers may come', () => {
  test('reasoning that is gone is missing to within two tokens', () => {
    for (const added of [6, 7, 8, 9, 10])
      expect(nameCount(20, 12, added)).toBe('reasoning-dropped');
    expect(nameCount(20, 12, 11)).toBe('prompt-count-differs fewer');
    expect(nameCount(20, 12, 5)).toBe('prefill-dropped');
  });

  test('four tokens of reasoning beside four others are enough, fewer are not', () => {
    expect(nameCount(8, 4, 4)).toBe('reasoning-dropped');
    expect(nameCount(7, 3, 4)).toBe('prompt-count-differs fewer');
    expect(nameCount(7, 4, 3)).toBe('prefill-dropped');
    expect(nameCount(20, 20, 0)).toBe('prefill-dropped');
    expect(nameCount(20, 3, 17)).toBe('prompt-count-differs fewer');
  });

  test('a prefill of four tokens is gone where less than half of it is there', () => {
    expect(nameCount(4, 0, 1)).toBe('prefill-dropped');
    expect(nameCount(4, 0, 2)).toBe('prompt-count-differs fewer');
    expect(nameCount(3, 0, 1)).toBe('prompt-count-differs fewer');
    expect(nameCount(20, 0, 9)).toBe('prefill-dropped');
    expect(nameCount(20, 0, 10)).toBe('prompt-count-differs fewer');
    expect(nameCount(3, 0, 0)).toBe('prompt-count-differs fewer');
  });

  test('more is what lies over the prompt and what was kept', () => {
    expect(nameCount(20, 0, 20)).toBe('prompt-count-differs more');
    expect(nameCount(20, 0, 19)).toBe('prompt-count-differs fewer');
    expect(nameCount(0, 0, 0)).toBe('prompt-count-differs fewer');
    expect(nameCount(0, 0, 1)).toBe('prompt-count-differs more');
  });

  test('an echo that was not generated lacks more than four of the tokens that were sent', () => {
    expect(nameCount(20, 0, 26, { problem: 'echo', generated: 19 })).toBe('prefill-echoed');
    expect(nameCount(20, 0, 26, { problem: 'echo', generated: 20 })).toBe('answered-anew');
    expect(nameCount(20, 0, 26, { problem: 'echo' })).toBe('answered-anew');
  });
});

describe('before numbers and texts', () => {
  const one = seam({ problem: 'other', added: 0 });

  test('comes a refusal', () => {
    const refusal = { status: 400, message: 'roles must alternate' };
    expect(nameTextCause({ ...one, refusal })).toEqual({ cause: 'roles-refused', detail: '' });
  });

  test('comes a stream that broke', () => {
    const answer = { ...one.answer, end: { kind: 'reset', detail: '' } };
    const broken = { ...one, check: 'transport', answer } as JudgedSeam;
    expect(nameTextCause(broken).cause).toBe('stream-reset');
  });

  test('comes a prompt whose text is known, as far as it tells something', () => {
    const header = '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n';
    const markup = { opening: '', written: '', closing: '' };
    const nameOf = (actual: string, agrees = false): string =>
      nameTextCause({
        ...one,
        view: { reasoning: '', content: 'The sum', toolCalls: [] },
        promptText: { agrees, header, markup, expected: `${header}The sum`, actual },
      }).cause;
    expect(nameOf(`${header}The sum\n`)).toBe('whitespace-added');
    expect(nameOf(`${header}The total`)).toBe('prefill-dropped');
    expect(nameOf(`${header}The sum\n`, true)).toBe('prefill-dropped');
  });
});

/** With what is wrong, of a stream that sends nothing of its own twice. */
function nameShape(expected: string, actual: string, problem: ShapeProblem): string {
  const one = seam({});
  const tokens = [{ phase: 'content', bytes: Buffer.from([0xe2]) }];
  const shape = { problem, field: 'content', expected, actual } as const;
  const generation = {
    tokens: [...tokens, { phase: 'content', bytes: Buffer.from([0x82, 0xac]) }],
  };
  const plan = { ...one.plan, subject: { generation: { ...generation, deltas: [] } } };
  const answer = { ...one.answer, deltas: [{ after: 1, content: 'x' }] };
  return nameTextCause({ ...one, plan, shape, answer } as unknown as JudgedSeam).cause;
}

describe('a text that is not the one that follows', () => {
  test.each([
    ['text that is lost', 'one two', 'two'],
    ['a space at its start', ' one', 'one'],
    ['a character', '€ one', ' one'],
  ])('may lack %s because the prompt was another one', (_, expected, actual) => {
    expect(nameShape(expected, actual, 'lost')).toBe('text-differs');
  });

  test('tells what is wrong where only a parser can have done it', () => {
    expect(nameShape('a', 'b', 'reasoning-as-content')).toBe('reasoning-as-content');
    expect(nameShape('a', 'b', 'broken-character')).toBe('character-broken');
  });

  test('nothing wrong with the text leaves nothing to go by', () => {
    expect(nameTextCause(seam({}))).toEqual({ cause: 'unexplained', detail: '' });
  });

  test('events alike are no sign of a retry, and neither is an answer that is missing', () => {
    const one = seam({ problem: 'finish' });
    const bytes = Buffer.from('data: a\n\ndata: b\n\ndata: a\n\ndata: b\n\n');
    const answer = { ...one.answer, capture: [{ atMs: 0, bytes }] } as JudgedSeam['answer'];
    expect(nameTextCause({ ...one, answer }).cause).toBe('finish-dishonest');
    expect(nameTextCause({ ...one, answer: undefined }).cause).toBe('finish-dishonest');
  });
});
