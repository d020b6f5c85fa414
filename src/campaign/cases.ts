/** What fuzzing draws: scenario × chain of cuts × strategy × way of cutting × synthetic text. */
import fc from 'fast-check';
import { WAYS } from '../seam/cut.ts';
import type { SyntheticText } from '../seam/synthetic.ts';
import type { Pause } from './chain.ts';

/** One case; scenario and strategy are indexes. Smaller numbers, fewer cuts and shorter texts are simpler. */
export type FuzzCase =
  | {
      readonly kind: 'real';
      readonly scenario: number;
      readonly strategy: number;
      readonly pauses: readonly Pause[];
    }
  | {
      readonly kind: 'synthetic';
      readonly scenario: number;
      readonly strategy: number;
      readonly text: SyntheticText;
    };

const WORDS = fc.constantFrom(
  'a',
  'the',
  'Seam',
  "don't",
  'x1',
  '42',
  'naïve',
  'e\u0301',
  'ñ',
  '中文',
  '日本語',
  '한국',
  '👩‍👩‍👧',
  '🇯🇵',
  '👍🏾',
);
const SPACES = fc.constantFrom(
  ' ',
  '  ',
  '    ',
  '\n',
  '\n\n',
  '\n\n\n',
  '\t',
  '\t\t',
  ' \n',
  '\r\n',
  '\u00a0',
);
const MARKS = fc.constantFrom('.', ',', '…', '!!!', '**', '```', '{"a": 1}', '| x |', '---', '§');
/** Text that looks like markup: a model may write it about markup, and it must stay text. */
const LOOK_ALIKES = fc.constantFrom('<|im_end|>', '<|im_start|>', '</s>', '<|endoftext|>');
const TAGS = fc.constantFrom('</think>', '<think>');

function text(
  ...pieces: readonly (readonly [number, fc.Arbitrary<string>])[]
): fc.Arbitrary<string> {
  const piece = fc.oneof(...pieces.map(([weight, arbitrary]) => ({ weight, arbitrary })));
  return fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(''));
}

/** Reasoning never holds think tags: a parser would have ended it there. */
const REASONING = text([5, WORDS], [4, SPACES], [2, MARKS], [1, LOOK_ALIKES]);
const CONTENT = text([5, WORDS], [4, SPACES], [2, MARKS], [1, LOOK_ALIKES], [1, TAGS]);

/** @param longest tokens of the longest generation */
export function fuzzCases(
  scenarios: number,
  strategies: number,
  longest: number,
): fc.Arbitrary<FuzzCase> {
  const common = { scenario: fc.nat(scenarios - 1), strategy: fc.nat(strategies - 1) };
  const pause: fc.Arbitrary<Pause> = fc.record({
    k: fc.nat(longest),
    way: fc.constantFrom(...WAYS),
  });
  const real: fc.Arbitrary<FuzzCase> = fc.record({
    kind: fc.constant('real' as const),
    ...common,
    pauses: fc.array(pause, { minLength: 1, maxLength: 4 }),
  });
  const synthetic: fc.Arbitrary<FuzzCase> = fc.record({
    kind: fc.constant('synthetic' as const),
    ...common,
    text: fc.record({ reasoning: REASONING, content: CONTENT }),
  });
  return fc.oneof(real, synthetic);
}
