/** Prompts for the tests of the rules that name what is wrong with one. */
import type { View } from '../seam/generation.ts';
import type { Markup } from '../seam/markup.ts';
import { differenceOf } from './difference.ts';
import { namePromptCause } from './prompt.ts';

const NOTHING: View = { reasoning: '', content: '', toolCalls: [] };
const THINK: Markup = {
  opening: '<think>\n',
  written: '<think>\n',
  closing: '</think>\n\n',
};
export const TURN = '<|im_start|>user\nWhat is 2 and 2?<|im_end|>\n';
export const HEADER: string = `${TURN}<|im_start|>assistant\n`;
export const CALL = { name: 'f', arguments: '{' };

export interface Given {
  readonly header?: string;
  readonly markup?: Markup;
  readonly view?: Partial<View>;
  /** What follows the header. */
  readonly expected: string;
  /** The whole prompt. */
  readonly actual: string;
}

/** The cause, with its detail behind it where it has one. */
export function nameOf({
  header = HEADER,
  markup = THINK,
  view = {},
  expected,
  actual,
}: Given): string {
  const { cause, detail } = namePromptCause({
    difference: differenceOf(header + expected, actual),
    header,
    markup,
    view: { ...NOTHING, ...view },
    lossy: false,
  });
  return detail === '' ? cause : `${cause} ${JSON.stringify(detail)}`;
}
