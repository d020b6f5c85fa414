/** Wrong prompts that two rules could name, or that look like a cause and are none. */
import { describe, expect, test } from 'vitest';
import type { Markup } from '../seam/markup.ts';
import { CALL, HEADER, nameOf, TURN, type Given } from './prompt.test-help.ts';

const said = (content: string): Pick<Given, 'view' | 'expected'> => ({
  view: { content },
  expected: content,
});
const thought = (reasoning: string): Pick<Given, 'view' | 'expected'> => ({
  view: { reasoning },
  expected: `<think>\n${reasoning}`,
});
const both = (reasoning: string, content: string): Pick<Given, 'view' | 'expected'> => ({
  view: { reasoning, content },
  expected: `<think>\n${reasoning}</think>\n\n${content}`,
});
const HARMONY: Markup = {
  opening: '<|channel|>analysis<|message|>',
  written: '<|channel|>analysis<|message|>',
  closing: '<|end|><|start|>assistant<|channel|>final<|message|>',
};
const HARMONY_HEADER = '<|start|>user<|message|>Hi<|end|><|start|>assistant';
/** A header with another question in it, of the same length. */
const OTHER = HEADER.replace('What', 'When');

describe('before the prompt', () => {
  test('only control tokens are a beginning too many', () => {
    expect(nameOf({ ...said('The'), actual: `<s><bos>${HEADER}The` })).toBe('bos-doubled');
    expect(nameOf({ ...said('The'), actual: `Note: ${HEADER}The` })).toBe('unexplained');
    expect(nameOf({ ...said('The'), actual: `<s>Note:${HEADER}The` })).toBe('unexplained');
    expect(nameOf({ ...said('The'), actual: '<s>x' })).toBe('unexplained');
  });

  test('a think tag in the conversation opens no thought', () => {
    const header = HEADER.replace('What', 'What of <think>');
    const given = { ...said('The'), header };
    expect(nameOf({ ...given, actual: header.slice(0, -4) })).toBe('header-missing');
    expect(nameOf({ ...given, actual: `${header.slice(0, -4)} The` })).toBe('unexplained');
    expect(nameOf({ ...given, actual: `${header.replace('<think>', '')}Two` })).toBe('unexplained');
  });
});

describe('a question that was changed', () => {
  test.each<readonly [string, Pick<Given, 'view' | 'expected'>, string]>([
    ['an empty block behind it', said('The sum'), '<think>\n\n</think>\n\nThe sum'],
    ['the end of the turn behind it', said('The sum'), 'The sum<|im_end|>\n'],
    ['the reasoning gone', both('So.\n', 'The sum'), 'The sum'],
    ['whitespace behind it', said('The sum'), 'The sum\n'],
  ])('is none of the causes of an answer: %s', (_, given, actual) => {
    expect(nameOf({ ...given, actual: OTHER + actual })).toBe('unexplained');
  });

  test('and a header of another name hide how the turn ends', () => {
    const actual = `${TURN}<|im_start|>model\nThe sum<|im_end|>\n`;
    expect(nameOf({ ...said('The sum'), actual })).toBe('unexplained');
  });

  test('and holds the name of a role where no turn begins', () => {
    const actual = `${TURN}<|im_start|>model of the user\nThe sum`;
    expect(nameOf({ ...said('The sum'), actual })).toBe('unexplained');
  });

  test('and holds another thought than the prefill', () => {
    const actual = `${TURN}<|im_start|>user\nThe sum`;
    expect(nameOf({ ...thought('Another'), actual })).toBe('unexplained');
    expect(nameOf({ ...thought('The sum'), actual })).toBe('prefill-as-user');
  });

  test('with whitespace before its end leaves the turn open, if the text ends before it', () => {
    const header = HEADER.replace('2?', '2? \n');
    const actual = header.slice(0, header.indexOf(' \n<|im_end|>'));
    expect(nameOf({ ...said('The'), header, actual })).toBe('user-continued');
  });
});

const closedBy = (tail: string): string =>
  nameOf({ ...said('The'), actual: `${HEADER}The<|im_end|>${tail}` });
const forced = (tail: string): string =>
  nameOf({ ...thought('So'), header: `${HEADER}<think>`, actual: `${HEADER}So<|im_end|>${tail}` });

describe('the end of the turn', () => {
  test('and a new turn are known by the last five characters of the header', () => {
    expect(closedBy('\ntant\n')).toBe('turn-reopened "<|im_end|>"');
    expect(closedBy('\nfant\n')).toBe('turn-closed "<|im_end|>"');
    expect(forced('hink>')).toBe('turn-reopened "<|im_end|>"');
    expect(forced('.ink>')).toBe('turn-closed "<|im_end|>"');
  });

  test('that is text of the model’s is none', () => {
    expect(nameOf({ ...said('a </s> b'), actual: `${HEADER}x </s> b` })).toBe('unexplained');
    expect(nameOf({ ...said('a b'), actual: `${HEADER}x b</s>` })).toBe('turn-closed "</s>"');
  });

  describe('of harmony, where a thought ends as a turn does', () => {
    const given = { header: HARMONY_HEADER, markup: HARMONY };
    const analysis = `${HARMONY.opening}So.`;

    test('is told behind an answer that was trimmed first', () => {
      const view = { reasoning: 'So.', content: 'The ' };
      const expected = `${analysis}${HARMONY.closing}The `;
      const actual = `${HARMONY_HEADER}${analysis}${HARMONY.closing}The<|end|><|start|>assistant`;
      expect(nameOf({ ...given, view, expected, actual })).toBe('turn-reopened "<|end|>"');
    });

    test('is not the one that the model writes behind its thought', () => {
      const view = { reasoning: 'So.' };
      const actual = `${HARMONY_HEADER}${analysis}${HARMONY.closing}<|return|>`;
      expect(nameOf({ ...given, view, expected: analysis, actual })).toBe(
        'turn-closed "<|return|>"',
      );
    });

    test('and its channel left out is the wrong channel, not a new header', () => {
      const view = { reasoning: 'So.' };
      const actual = `${HARMONY_HEADER}So.`;
      expect(nameOf({ ...given, view, expected: analysis, actual })).toBe(
        'wrong-channel "<|channel|>analysis<|message|>"',
      );
      const whole = { view: { reasoning: 'So.', content: 'The' } };
      const text = `${analysis}${HARMONY.closing}The`;
      const words = text.replace('So.', 'No.').replace('The', 'Two');
      expect(nameOf({ ...given, ...whole, expected: text, actual: HARMONY_HEADER + words })).toBe(
        'unexplained',
      );
    });
  });
});

const tagged = (actual: string): string =>
  nameOf({ ...both('So.\n', 'The'), actual: HEADER + actual });

describe('tags in the text', () => {
  test('that stands in the question, too, are looked for in the answer', () => {
    const content = 'a </think> b';
    const header = HEADER.replace('What is', content);
    expect(nameOf({ ...said(content), header, actual: `${header}a b` })).toBe('tag-literal-parsed');
  });

  test('are read as markup where the whitespace around them is rebuilt', () => {
    const actual = `${HEADER}a </think>\n\nb`;
    expect(nameOf({ ...said('a </think> b'), actual })).toBe('tag-literal-parsed');
  });

  test('that come with other words are not the only change', () => {
    expect(nameOf({ ...said('The sum'), actual: `${HEADER}<think>\nA sum` })).toBe('unexplained');
    expect(nameOf({ ...thought('So it is'), actual: `${HEADER} it is` })).toBe('unexplained');
    const block = '<think>\nHm.</think>\n\n';
    expect(nameOf({ ...said('The sum'), actual: `${HEADER}${block}The sum` })).toBe('unexplained');
    expect(nameOf({ ...said('The sum'), actual: `${HEADER}The sum${block}` })).toBe('unexplained');
  });

  test('that are put before or behind an answer close what is not open', () => {
    for (const actual of ['The sum</think>', '</think>The sum'])
      expect(nameOf({ ...said('The sum'), actual: HEADER + actual })).toBe(
        'thinking-closed-early "</think>"',
      );
  });

  test('open the thought again only behind its end, or where there was none', () => {
    expect(tagged('<think>\n<think>\nSo.\n</think>\n\nThe')).toMatch(/^think-tag-doubled/);
    expect(tagged('<think>\nSo.\n</think>\n\n<think>\nThe')).toMatch(/^thinking-reopened/);
    expect(nameOf({ ...said('The'), actual: `${HEADER}<think>\nThe` })).toMatch(
      /^thinking-reopened/,
    );
    expect(nameOf({ ...thought('So'), actual: `${HEADER}<think>\n<think>\nSo` })).toMatch(
      /^think-tag-doubled/,
    );
  });

  test('are doubled where nothing but the first is written', () => {
    const given = { view: {}, expected: '<think>\n' };
    expect(nameOf({ ...given, actual: `${HEADER}<think>\n<think>\n` })).toMatch(
      /^think-tag-doubled/,
    );
  });

  test('left out are told without the whitespace around them', () => {
    const given = thought('Two');
    expect(nameOf({ ...given, actual: `${HEADER}Two` })).toBe('wrong-channel "<think>"');
    expect(nameOf({ ...given, actual: `${HEADER} \nTwo` })).toBe('wrong-channel "<think>"');
  });
});

describe('reasoning is dropped', () => {
  test('and what follows it may be trimmed', () => {
    const given = both('So.\n', ' The');
    for (const actual of ['The', '\n\nThe', '<think>\n\n</think>\n\nThe'])
      expect(nameOf({ ...given, actual: HEADER + actual })).toBe('reasoning-dropped');
  });

  test('only where it is nowhere any more', () => {
    const given = both('The sum\n', 'The');
    expect(nameOf({ ...given, actual: `${HEADER}The sumThe` })).toBe('unexplained');
  });
});

describe('a tool call', () => {
  const call = '<tool_call>\n{"name": "f", "arguments": {"a": ';
  const view = { toolCalls: [CALL] };

  test('is written in another form from its first character on', () => {
    const actual = `${HEADER}<function=f>{"a": `;
    expect(nameOf({ view, expected: call, actual })).toBe('tool-call-rewritten');
  });

  test('whose end is trimmed is trimmed', () => {
    expect(nameOf({ view, expected: call, actual: HEADER + call.trimEnd() })).toBe(
      'trailing-whitespace-trimmed',
    );
  });

  test('is not written anew where the content before it is', () => {
    for (const begin of ['<tool_call>', '[TOOL_CALLS]', '{"name": ']) {
      const held = { content: 'I look.', toolCalls: [CALL] };
      const given = { view: held, expected: `I look.${begin}f{}` };
      expect(nameOf({ ...given, header: OTHER, actual: `${HEADER}I look.${begin}f{}` })).toBe(
        'unexplained',
      );
      if (begin.startsWith('{')) continue;
      expect(nameOf({ ...given, actual: `${HEADER}I see.${begin}f{}` })).toBe('unexplained');
      expect(nameOf({ ...given, actual: `${HEADER}I look.${begin}f {}` })).toBe(
        'tool-call-rewritten',
      );
    }
  });

  test('is not looked for where its name is not in the prompt', () => {
    const other = { toolCalls: [{ name: 'another', arguments: '{' }] };
    expect(nameOf({ view: other, expected: 'x', actual: `${HEADER}y` })).toBe('unexplained');
  });

  test('may have a name that its content holds', () => {
    const given = {
      view: { content: 'f or g', toolCalls: [CALL] },
      expected: `f or g${call}`,
    };
    expect(nameOf({ ...given, actual: `${HEADER}f or h${call}` })).toBe('unexplained');
  });

  test('may have a name that its reasoning holds', () => {
    const given = {
      view: { reasoning: '<f>\n', toolCalls: [CALL] },
      expected: `<think>\n<f>\n</think>\n\nNow${call}`,
    };
    expect(nameOf({ ...given, actual: `${HEADER}<think>\n<f>\n</think>\n\nNew${call}` })).toBe(
      'unexplained',
    );
  });
});

describe('whitespace', () => {
  test('behind the end of a thought with nothing after it is trimmed at the end', () => {
    const given = { view: { reasoning: 'So' }, expected: '<think>\nSo</think>\n\n' };
    expect(nameOf({ ...given, actual: `${HEADER}<think>\nSo</think>` })).toBe(
      'trailing-whitespace-trimmed',
    );
  });

  test('at the end of a thought is trimmed in part', () => {
    for (const [was, is] of [
      ['So\n\n', 'So '],
      ['So \n', 'So\n'],
    ] as const)
      expect(nameOf({ ...thought(was), actual: `${HEADER}<think>\n${is}` })).toBe(
        'trailing-whitespace-trimmed',
      );
  });

  test('of the opening tag is whitespace at the start', () => {
    expect(nameOf({ ...thought('So'), actual: `${HEADER}<think>So` })).toBe(
      'leading-whitespace-trimmed',
    );
  });

  test('that is less by as much as other words are more is not what is wrong', () => {
    expect(nameOf({ ...said('The sum '), actual: `${HEADER}Two sum` })).toBe('unexplained');
  });

  test('changed at the start and further on is not trimmed there', () => {
    for (const [was, is] of [
      [' a  b', 'a b'],
      ['a b c', 'a  b  c'],
      [' a b', 'a b '],
    ] as const)
      expect(nameOf({ ...said(was), actual: HEADER + is })).toBe('whitespace-changed');
  });

  test('is trimmed at the start of the thought alone, or of both, whatever the end is', () => {
    const view = { reasoning: ' So', content: ' The ' };
    const expected = '<think> So</think> The ';
    for (const actual of [
      '<think>So</think> The',
      '<think>So</think>The ',
      '<think> So</think>The',
    ])
      expect(nameOf({ view, expected, actual: HEADER + actual })).toBe(
        'leading-whitespace-trimmed',
      );
  });

  test('alone is no text with whitespace at its start', () => {
    expect(nameOf({ view: { content: ' ' }, expected: 'x ', actual: `${HEADER}x` })).toBe(
      'trailing-whitespace-trimmed',
    );
  });

  test('before the end of a thought belongs to it, however much there is', () => {
    expect(nameOf({ ...both('So \n', 'x'), actual: `${HEADER}<think>\nSo\n</think>\n\nx` })).toBe(
      'separator-rebuilt " →"',
    );
  });

  test('before a tool call that follows a thought and a content', () => {
    const call = '<tool_call>\n{"name": "f", "arguments": {';
    const start = '<think>\nHm.\n</think>\n\nI look.';
    const view = { reasoning: 'Hm.\n', content: 'I look.\n\n', toolCalls: [CALL] };
    const given = { view, expected: `${start}\n\n${call}` };
    expect(nameOf({ ...given, actual: `${HEADER}${start}\n${call}` })).toBe(
      'trailing-whitespace-trimmed',
    );
  });
});
