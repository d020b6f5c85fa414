import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { View } from '../seam/generation.ts';
import type { Markup } from '../seam/markup.ts';
import type { Cause, Named } from './causes.ts';
import { differenceOf } from './difference.ts';
import { namePromptCause, REASONING_ALONE } from './prompt.ts';

/** A template family: the prompt before an answer, and what the model writes around its thinking. */
interface Family {
  readonly header: string;
  readonly markup: Markup;
}

function tags(opening: string, closing: string): Markup {
  return { opening, written: opening, closing };
}

const THINK = tags('<think>\n', '</think>\n\n');
const NONE = tags('', '');
const CHATML: Family = {
  header: '<|im_start|>user\nWhat is 2 and 2?<|im_end|>\n<|im_start|>assistant\n',
  markup: THINK,
};
const FORCED: Family = { header: `${CHATML.header}<think>\n`, markup: THINK };
const ENDLESS: Family = { ...CHATML, markup: { ...THINK, closing: '' } };
const R1: Family = {
  header: '<｜begin▁of▁sentence｜><｜User｜>What is 2 and 2?<｜Assistant｜><think>\n',
  markup: THINK,
};
const MISTRAL: Family = {
  header: '<s>[INST]What is 2 and 2?[/INST]',
  markup: tags('[THINK]', '[/THINK]'),
};
const GEMMA: Family = {
  header: '<bos><start_of_turn>user\nWhat is 2 and 2?<end_of_turn>\n<start_of_turn>model\n',
  markup: NONE,
};
const LLAMA3_ASSISTANT = '<|start_header_id|>assistant<|end_header_id|>\n\n';
const LLAMA3: Family = {
  header: `<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>${LLAMA3_ASSISTANT}`,
  markup: NONE,
};
const HARMONY: Family = {
  header: '<|start|>user<|message|>What is 2 and 2?<|end|><|start|>assistant',
  markup: tags(
    '<|channel|>analysis<|message|>',
    '<|end|><|start|>assistant<|channel|>final<|message|>',
  ),
};

/** What the client holds. */
const NOTHING: View = { reasoning: '', content: '', toolCalls: [] };
const thinking = (reasoning: string): View => ({ ...NOTHING, reasoning });
const plain = (content: string): View => ({ ...NOTHING, content });
const answering = (content: string, reasoning = DONE): View => ({ ...NOTHING, reasoning, content });

const HELD = 'Two and two';
const DONE = 'Two and two is four.\n';

/** What the model has written when a client holds this. */
function writtenOf({ header, markup }: Family, { reasoning, content }: View): string {
  if (reasoning === '') return content;
  const opening = header.endsWith(markup.opening) ? '' : markup.opening;
  return opening + reasoning + (content === '' ? '' : markup.closing + content);
}

/** `actual` and `expected` go on after the header; the latter is what the client holds if left out. */
type Case = readonly [name: string, family: Family, view: View, actual: string, expected?: string];

function nameOf([, family, view, actual, expected = writtenOf(family, view)]: Case): Named {
  const difference = differenceOf(family.header + expected, family.header + actual);
  return namePromptCause({ difference, ...family, view, lossy: false });
}

const SO = `<think>\n${DONE}</think>\n\n`;
const CHANNELS = `<|channel|>analysis<|message|>${HELD}<|end|><|start|>assistant<|channel|>final<|message|>`;

const CASES: Readonly<Partial<Record<Cause, readonly Case[]>>> = {
  'prefill-dropped': [
    ['content', CHATML, plain('The sum'), ''],
    ['both', MISTRAL, answering('The sum', HELD), ''],
  ],
  'turn-reopened': [
    ['ChatML', CHATML, plain('The'), 'The<|im_end|>\n<|im_start|>assistant\n'],
    ['trimmed first', CHATML, plain('The '), 'The<|im_end|>\n<|im_start|>assistant\n'],
    ['in thought', CHATML, thinking(DONE), `${SO}<|im_end|>\n<|im_start|>assistant\n`],
    ['forced', FORCED, thinking(HELD), `${HELD}<|im_end|>\n<|im_start|>assistant\n<think>\n`],
    ['R1', R1, thinking(HELD), `${HELD}<｜end▁of▁sentence｜><｜Assistant｜><think>\n`],
    ['Gemma', GEMMA, plain('The'), 'The<end_of_turn>\n<start_of_turn>model\n'],
    ['Llama 3', LLAMA3, plain('The'), `The<|eot_id|>${LLAMA3_ASSISTANT}`],
    ['harmony', HARMONY, answering('The', HELD), `${CHANNELS}The<|end|><|start|>assistant`],
  ],
  'turn-closed': [
    ['ChatML', CHATML, plain('The sum'), 'The sum<|im_end|>\n'],
    ['R1', R1, answering('The'), `${DONE}</think>\n\nThe<｜end▁of▁sentence｜>`],
    ['Mistral', MISTRAL, plain('The sum'), 'The sum</s>'],
    ['Gemma', GEMMA, plain('The sum'), 'The sum<end_of_turn>\n'],
    ['harmony', HARMONY, answering('The', HELD), `${CHANNELS}The<|return|>`],
  ],
  'reasoning-dropped': [
    ['before content', CHATML, answering('The'), 'The'],
    ['Qwen3, an empty block instead', CHATML, answering('The'), '<think>\n\n</think>\n\nThe'],
    ['Mistral', MISTRAL, answering('The', HELD), 'The'],
  ],
  'empty-think-block': [
    ['Qwen3', CHATML, plain('The sum'), '<think>\n\n</think>\n\nThe sum'],
    ['before thoughts', CHATML, thinking(HELD), `<think>\n\n</think>\n\n<think>\n${HELD}`],
    ['before nothing', CHATML, NOTHING, '<think>\n\n</think>\n\n'],
    ['Mistral', MISTRAL, plain('The sum'), '[THINK][/THINK]The sum'],
    ['llama.cpp, cut inside the tag', CHATML, plain('<th'), '<think>\n\n</think>\n\n<th'],
  ],
  'think-tag-doubled': [
    ['forced', FORCED, thinking(HELD), `<think>\n${HELD}`],
    ['R1', R1, thinking(HELD), `<think>\n${HELD}`],
    ['inline', CHATML, thinking(HELD), `<think>\n<think>\n${HELD}`],
    ['before content', CHATML, answering('The'), `<think>\n${SO}The`],
    ['Mistral', MISTRAL, thinking(HELD), `[THINK][THINK]${HELD}`],
    ['harmony', HARMONY, answering('The', HELD), `<|channel|>analysis<|message|>${CHANNELS}The`],
  ],
  'thinking-reopened': [
    ['llama.cpp, after the closing tag', CHATML, thinking(DONE), `${SO}<think>\n`, SO],
    ['before content', CHATML, answering('The'), `${SO}<think>\nThe`],
    ['forced', FORCED, answering('The'), `${DONE}</think>\n\n<think>\nThe`],
    ['Mistral', MISTRAL, answering('The', HELD), `[THINK]${HELD}[/THINK]The[THINK]`],
  ],
  'thinking-closed-early': [
    ['ChatML', CHATML, thinking(HELD), `<think>\n${HELD}\n</think>\n\n`],
    ['a space trimmed', CHATML, thinking(`${HELD} `), `<think>\n${HELD}\n</think>\n\n`],
    ['R1', R1, thinking(HELD), `${HELD}</think>\n\n`],
    ['Mistral', MISTRAL, thinking(HELD), `[THINK]${HELD}[/THINK]`],
    ['harmony', HARMONY, thinking(HELD), `<|channel|>analysis<|message|>${HELD}<|end|>`],
    ['never closed by the model', ENDLESS, thinking(HELD), `<think>\n${HELD}\n</think>\n\n`],
  ],
  'wrong-channel': [
    ['the opening left out', CHATML, thinking(HELD), HELD],
    ['the closing left out', MISTRAL, answering('The', HELD), `[THINK]${HELD}The`],
  ],
  'channel-header-added': [
    ['gpt-oss', HARMONY, plain('The sum'), '<|channel|>final<|message|>The sum'],
    [
      'nothing held, since channels are not shown',
      HARMONY,
      NOTHING,
      '<|channel|>final<|message|>',
      '<|channel|>',
    ],
    [
      'a thought taken for content',
      HARMONY,
      plain('analysisTwo'),
      '<|channel|>final<|message|>analysisTwo',
      '<|channel|>analysis<|message|>Two',
    ],
    [
      'a thought and an answer taken for content',
      HARMONY,
      plain('analysisTwoassistantfinalThe'),
      '<|channel|>final<|message|>analysisTwoassistantfinalThe',
      '<|channel|>analysis<|message|>Two<|end|><|start|>assistant<|channel|>final<|message|>The',
    ],
  ],
  'tag-literal-parsed': [
    ['content cut at a tag', CHATML, plain('Write </think> to end it'), 'to end it'],
  ],
  'mid-character': [['half an emoji', CHATML, plain('The 👍'), 'The \uFFFD']],
  'separator-rebuilt': [
    ['llama.cpp, a break too many', CHATML, answering('The'), SO.replace('</', '\n</') + 'The'],
    ['one too few before the tag', CHATML, answering('The'), SO.replace('\n</', '</') + 'The'],
    [
      'vLLM, before and after at once',
      CHATML,
      answering('The'),
      SO.replace('\n</think>', '</think>\n') + 'The',
    ],
    ['one too few after it', FORCED, answering('The'), `${DONE}</think>\nThe`],
    ['Mistral, a space after it', MISTRAL, answering('The', HELD), `[THINK]${HELD}[/THINK] The`],
  ],
  'leading-whitespace-trimmed': [
    ['content', CHATML, plain(' The sum'), 'The sum'],
    ['Gemma, a line break', GEMMA, plain('\nThe sum'), 'The sum'],
    ['reasoning', CHATML, thinking(`\n${HELD}`), `<think>\n${HELD}`],
  ],
  'trailing-whitespace-trimmed': [
    ['Gemma', GEMMA, plain('The sum '), 'The sum'],
    ['Llama 3, line breaks', LLAMA3, plain('The sum:\n\n'), 'The sum:'],
    ['Mistral, reasoning', MISTRAL, thinking(`${HELD} `), `[THINK]${HELD}`],
  ],
  'whitespace-added': [
    ['Mistral, before the content', MISTRAL, plain('The sum'), ' The sum'],
    ['at the end', CHATML, plain('The sum'), 'The sum\n'],
  ],
  'whitespace-changed': [
    ['one run', GEMMA, plain('The sum:\n\nfour'), 'The sum:\nfour'],
    ['two runs', GEMMA, plain('The  sum:\n\nfour'), 'The sum:\nfour'],
    ['in a thought', FORCED, thinking('Two\n\nand  two'), 'Two and two'],
    ['in both', MISTRAL, answering('The  sum', 'Two  and'), '[THINK]Two and[/THINK]The sum'],
  ],
};

describe.each(Object.entries(CASES))('%s', (cause, cases) => {
  test.each(cases.map((given) => [given[0], given] as const))('%s', (_, given) => {
    expect(nameOf(given).cause).toBe(cause);
  });
});

/** The prompt's own beginning or end is wrong. */
function nameHeader(family: Family, view: View, actual: string): Named {
  const difference = differenceOf(family.header + writtenOf(family, view), actual);
  return namePromptCause({ difference, ...family, view, lossy: false });
}

test.each([
  ['llama.cpp', CHATML, '<|im_start|>assistant\n'],
  ['Gemma', GEMMA, '<start_of_turn>model\n'],
  ['R1', R1, '<｜Assistant｜><think>\n'],
])('header-missing: %s, an empty prefill', (_, family, lost) => {
  const actual = family.header.slice(0, -lost.length);
  expect(nameHeader(family, NOTHING, actual).cause).toBe('header-missing');
});

test.each([
  ['Mistral', MISTRAL, '<s>'],
  ['Gemma', GEMMA, '<bos>'],
  ['Llama 3', LLAMA3, '<|begin_of_text|>'],
  ['R1', R1, '<｜begin▁of▁sentence｜>'],
])('bos-doubled: %s', (_, family, bos) => {
  const actual = `${bos}${family.header}The`;
  expect(nameHeader(family, plain('The'), actual).cause).toBe('bos-doubled');
});

test('prefill-as-user: SGLang without its flag', () => {
  const actual = CHATML.header.replace('assistant\n', 'user\nThe sum');
  expect(nameHeader(CHATML, plain('The sum'), actual).cause).toBe('prefill-as-user');
});

test('user-continued: the flags with a user message last', () => {
  const actual = CHATML.header.slice(0, CHATML.header.indexOf('<|im_end|>'));
  expect(nameHeader(CHATML, plain('The sum'), actual).cause).toBe('user-continued');
});

test('matched-earlier: the same text in an earlier turn', () => {
  const actual = CHATML.header.slice(0, CHATML.header.indexOf('is') + 2);
  expect(nameHeader(CHATML, plain('What is'), actual).cause).toBe('matched-earlier');
});

test('reasoning that is still there was not dropped, however short', () => {
  const actual = R1.header.replace('<think>\n', 'Okay');
  expect(nameHeader(R1, thinking('Okay'), actual).cause).not.toBe('reasoning-dropped');
});

const CALL = '<tool_call>\n{"name": "get_weather", "arguments": ';

test.each([
  ['closed', '{"city": "Par', `${CALL}{"city": "Par}\n</tool_call>`],
  ['its keys moved', '{"city": "Par', '<tool_call>\n{"arguments": {"city": "Par", "name": "get_'],
  ['its whitespace gone', '{"city": "Par', `${CALL}{"city":"Par`],
  ['whitespace added', '{"city":"Par', `${CALL}{"city": "Par`],
])('tool-call-rewritten: %s', (given, args, actual) => {
  const view = { ...NOTHING, toolCalls: [{ name: 'get_weather', arguments: args }] };
  expect(nameOf([given, CHATML, view, actual, CALL + args]).cause).toBe('tool-call-rewritten');
});

test('a strategy that throws the reasoning away explains the prompt before anything else', () => {
  const view = answering('The');
  const difference = differenceOf(`${CHATML.header}${SO}The`, `${CHATML.header}The`);
  expect(namePromptCause({ difference, ...CHATML, view, lossy: true })).toEqual({
    cause: 'client-drops-reasoning',
    detail: '',
  });
});

test('nothing left of a message that was reasoning alone is for other cuts to settle', () => {
  expect(nameOf(['', CHATML, thinking(HELD), ''])).toEqual(REASONING_ALONE);
});

test('the detail tells two kinds of rebuilt separator apart, and holds no text of the model', () => {
  const details = CASES['separator-rebuilt']?.map((given) => nameOf(given).detail) ?? [];
  expect(new Set(details).size).toBeGreaterThan(1);
  for (const given of Object.values(CASES).flat())
    expect(nameOf(given).detail).not.toMatch(/Two|The/);
});

test('words that were changed fit no cause', () => {
  const word = fc.stringMatching(/^[a-z]{1,8}$/);
  const families = fc.constantFrom(CHATML, FORCED, R1, MISTRAL, GEMMA, HARMONY);
  fc.assert(
    fc.property(families, word, word, fc.boolean(), (family, is, was, inThought) => {
      fc.pre(is !== was);
      const view = (value: string): View =>
        inThought ? answering('The sum', `Two ${value} two`) : answering(`The ${value} sum`);
      const given: Case = ['', family, view(was), writtenOf(family, view(is))];
      expect(nameOf(given)).toEqual({ cause: 'unexplained', detail: '' });
    }),
  );
});
