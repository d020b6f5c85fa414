/** Wrong prompts that lie near each other, and what else is told of them than the cause. */
import { describe, expect, test } from 'vitest';
import { CALL, HEADER, nameOf, TURN } from './prompt.test-help.ts';

describe.each([
  ['<think>\n', '</think>\n\n'],
  ['<think>', '</think>'],
  ['[THINK]', '[/THINK]'],
  ['<|channel|>analysis<|message|>', '<|end|>'],
])('a prompt that ended with %j and does not any more', (tag, closing) => {
  const header = HEADER + tag;
  const markup = { opening: tag, written: '', closing };
  const given = { header, markup, expected: ' Two ', view: { reasoning: ' Two ' } };

  test('has the thought in the wrong channel', () => {
    expect(nameOf({ ...given, actual: `${HEADER}Two` })).toBe(
      `wrong-channel ${JSON.stringify(tag.trim())}`,
    );
  });

  test('has lost the thought', () => {
    expect(nameOf({ ...given, actual: `${HEADER}One` })).toBe('reasoning-dropped');
    expect(nameOf({ ...given, actual: HEADER })).toBe('reasoning-dropped');
  });

  test('has no thought to lose where none is held', () => {
    const none = { ...given, expected: 'x', view: { reasoning: ' ' } };
    expect(nameOf({ ...none, actual: `${HEADER}y` })).toBe(
      `wrong-channel ${JSON.stringify(tag.trim())}`,
    );
  });

  test('has its turn closed, and perhaps opened again', () => {
    const closed = `${HEADER}Two<|im_end|>\n`;
    expect(nameOf({ ...given, actual: closed })).toBe('turn-closed "<|im_end|>"');
    expect(nameOf({ ...given, actual: `${closed}<|im_start|>assistant\n${tag}` })).toBe(
      'turn-reopened "<|im_end|>"',
    );
  });
});

describe('nothing of the prefill is left', () => {
  test('is a dropped message where there is more than a thought', () => {
    expect(
      nameOf({ view: { reasoning: 'So.', toolCalls: [CALL] }, expected: 'x', actual: HEADER }),
    ).toBe('prefill-dropped');
    expect(nameOf({ expected: '<think>\n', actual: HEADER })).toBe('prefill-dropped');
    expect(nameOf({ view: { reasoning: 'So.' }, expected: 'x', actual: HEADER })).toBe(
      'reasoning-dropped "alone"',
    );
  });

  test.each([
    ['content', { content: ' What is\n' }],
    ['a thought', { reasoning: ' What is\n' }],
  ])('and the prompt ends where %s occurs first', (_, view) => {
    const actual = HEADER.slice(0, HEADER.indexOf('is') + 2);
    expect(nameOf({ view, expected: ' What is\n', actual })).toBe('matched-earlier');
  });

  test('and the user’s turn is open just where its end is the first thing that is missing', () => {
    const at = HEADER.indexOf('<|im_end|>');
    const given = { view: { content: 'The' }, expected: 'The' };
    expect(nameOf({ ...given, actual: HEADER.slice(0, at) })).toBe('user-continued');
    expect(nameOf({ ...given, actual: HEADER.slice(0, at - 2) })).toBe('header-missing');
    expect(nameOf({ ...given, actual: TURN })).toBe('header-missing');
    const twice = `<|im_start|>system\nBe<|im_end|>\n${HEADER}`;
    const first = twice.slice(0, twice.indexOf('<|im_end|>'));
    expect(nameOf({ ...given, header: twice, actual: first })).toBe('header-missing');
  });

  test.each([
    '<|im_end|>',
    '</s>',
    '<s>',
    '<bos>',
    '<end_of_turn>',
    '<start_of_turn>',
    '[/INST]',
    '<｜User｜>',
  ])('and a prompt that ends with %s ends between turns, whatever follows', (mark) => {
    const header = `A question${mark}</s>answer:`;
    const given = { header, view: { content: 'The' }, expected: 'The' };
    expect(nameOf({ ...given, actual: `A question${mark}` })).toBe('header-missing');
    expect(nameOf({ ...given, actual: `A question${mark}</s>` })).toBe('header-missing');
  });
});

describe('the turn of another role', () => {
  const given = { view: { content: ' The sum' }, expected: ' The sum' };

  test.each(['user', 'human', 'system', 'tool', 'User'])('%s', (role) => {
    const actual = `${TURN}<|im_start|>${role}\nThe sum`;
    expect(nameOf({ ...given, actual })).toBe('prefill-as-user');
    const inside = HEADER.replace('assistant', `${role}s The sum`);
    expect(nameOf({ ...given, actual: inside })).not.toBe('prefill-as-user');
  });

  test.each(['[INST]', '<｜User｜>', '<|im_end|>\n<|im_start|>user\n', ' <b> <c>user\n'])(
    'that %j begins',
    (mark) => {
      const actual = HEADER.replace('assistant\n', `${mark}The sum`);
      expect(nameOf({ ...given, actual })).toBe('prefill-as-user');
    },
  );

  test('is seen by what the client holds: its content, or its thought where there is none', () => {
    const actual = `${TURN}<|im_start|>user\nThe sum`;
    const both = { reasoning: 'So.', content: 'The sum' };
    expect(nameOf({ ...given, view: both, actual })).toBe('prefill-as-user');
    expect(nameOf({ ...given, view: { reasoning: ' The sum' }, actual })).toBe('prefill-as-user');
    expect(nameOf({ ...given, view: { content: 'Another' }, actual })).not.toBe('prefill-as-user');
  });

  test('is none where the word stands in the answer', () => {
    const actual = `${HEADER}user The sum`;
    expect(nameOf({ ...given, actual })).not.toBe('prefill-as-user');
  });
});

describe('a think block before the prefill', () => {
  const BLOCK = '<think>\n\n</think>\n\n';

  test('is not put there where the model wrote it', () => {
    const content = '<think>\n\n</think> is empty.';
    const given = { view: { content }, expected: `\n${content}` };
    expect(nameOf({ ...given, actual: HEADER + content })).not.toBe('empty-think-block');
    expect(nameOf({ ...given, actual: `${HEADER}${BLOCK}${content}` })).not.toBe(
      'empty-think-block',
    );
  });

  test('is not empty where only its tags were found', () => {
    const given = { view: { content: 'The sum' }, expected: 'The sum' };
    expect(nameOf({ ...given, actual: `${HEADER}${BLOCK}The sum` })).toBe('empty-think-block');
    expect(nameOf({ ...given, actual: `${HEADER}${BLOCK}Other` })).not.toBe('empty-think-block');
    expect(nameOf({ ...given, actual: `${HEADER}Thus ${BLOCK}The sum` })).not.toBe(
      'empty-think-block',
    );
  });

  test('may come behind it', () => {
    const given = { view: { content: 'The sum' }, expected: 'The sum' };
    expect(nameOf({ ...given, actual: `${HEADER}The sum${BLOCK}` })).toBe('empty-think-block');
  });

  test('and before a thought whose ends were trimmed', () => {
    const given = { view: { reasoning: ' So. ' }, expected: '<think>\n So. ' };
    expect(nameOf({ ...given, actual: `${HEADER}${BLOCK}<think>\nSo.` })).toBe('empty-think-block');
  });
});

describe('what follows the prefill', () => {
  const given = { view: { content: 'The sum' }, expected: 'The sum' };
  const after = (tail: string): string => nameOf({ ...given, actual: `${HEADER}The sum${tail}` });

  test.each(['<|im_end|>', '<|eot_id|>', '<|end_of_text|>', '<|endoftext|>', '<|return|>'])(
    'the end %s of the turn',
    (end) => {
      expect(after(end)).toBe(`turn-closed ${JSON.stringify(end)}`);
    },
  );

  test.each(['<|call|>', '<｜end▁of▁sentence｜>', '</s>', '<end_of_turn>'])(
    'the end %s of another template’s turn',
    (end) => {
      expect(after(end)).toBe(`turn-closed ${JSON.stringify(end)}`);
    },
  );

  test('is told with what it is', () => {
    expect(after(' \n')).toBe('whitespace-added " \\n"');
    expect(after('<think>\n')).toBe('thinking-reopened "<think>\\n"');
    expect(after('<|im_end|>\n<|im_start|>assistant\n')).toBe('turn-reopened "<|im_end|>"');
    expect(after(' and more')).toBe('unexplained');
  });

  test('in a thought', () => {
    const thought = { view: { reasoning: 'So' }, expected: '<think>\nSo' };
    const nameAfter = (tail: string): string =>
      nameOf({ ...thought, actual: `${HEADER}<think>\nSo${tail}` });
    expect(nameAfter('<think>')).toBe('think-tag-doubled "<think>"');
    expect(nameAfter('\n</think>\n\n')).toBe('thinking-closed-early "</think>"');
    const closed = { ...thought, expected: '<think>\nSo</think>' };
    expect(nameOf({ ...closed, actual: `${HEADER}<think>\nSo</think><think>` })).toBe(
      'thinking-reopened "<think>"',
    );
  });

  test('only in part', () => {
    expect(nameOf({ ...given, expected: 'The sum ', actual: `${HEADER}The sum` })).toBe(
      'trailing-whitespace-trimmed',
    );
    expect(nameOf({ ...given, actual: `${HEADER}The s` })).toBe('unexplained');
  });
});

describe('whitespace', () => {
  test.each<readonly [string, string, string, string]>([
    ['added before the content', 'The sum', ' The sum', 'whitespace-added "→ "'],
    ['more of it', 'The sum', 'The  sum', 'whitespace-added "→ "'],
    ['less of it at the start', '\n The sum', ' The sum', 'leading-whitespace-trimmed'],
    ['less of it at the end', 'The sum of it\n ', 'The sum of it\n', 'trailing-whitespace-trimmed'],
    [
      'before the tag',
      '<think>\nSo\n</think>\n\nThe',
      '<think>\nSo</think>\n\nThe',
      'separator-rebuilt "\\n→"',
    ],
    [
      'after the tag',
      '<think>\nSo</think>\n\nThe',
      '<think>\nSo</think>\nThe',
      'separator-rebuilt "\\n→"',
    ],
    [
      'on both sides',
      '<think>\nSo\n</think>The',
      '<think>\nSo</think>\nThe',
      'separator-rebuilt "\\n</think>→</think>\\n"',
    ],
  ])('%s', (_, expected, actual, name) => {
    const view = expected.includes('</think>')
      ? { reasoning: 'So\n', content: 'The' }
      : { content: expected };
    expect(nameOf({ view, expected, actual: HEADER + actual })).toBe(name);
  });

  test.each<readonly [string, string, string]>([
    ['a space of two', 'The  sum of it', 'The sum of it'],
    ['one that was alone', 'The sum', 'Thesum'],
    ['one near the start', 'a b c', 'ab c'],
    ['a line break for a space', 'One\ntwo', 'One two'],
    ['in several places', 'One  two\n\nthree  four', 'One two\nthree four'],
    ['one more and one less', 'One two  three', 'One  two three'],
    ['late in the text', `${'word '.repeat(20)} end`, `${'word '.repeat(20)}end`],
  ])('inside the content is no whitespace at its ends: %s', (_, expected, actual) => {
    const given = { view: { content: expected }, expected };
    expect(nameOf({ ...given, actual: HEADER + actual })).toBe('whitespace-changed');
  });

  test('inside the thought', () => {
    const given = { view: { reasoning: 'So  it\nis' }, expected: '<think>\nSo  it\nis' };
    for (const thought of ['So it\nis', 'So  it is', 'So it is'])
      expect(nameOf({ ...given, actual: `${HEADER}<think>\n${thought}` })).toBe(
        'whitespace-changed',
      );
    const forced = { ...given, header: `${HEADER}<think>\n`, expected: 'So  it\nis' };
    expect(nameOf({ ...forced, actual: `${HEADER}<think>\nSo it\nis` })).toBe('whitespace-changed');
  });

  test('in the turns before the answer', () => {
    const given = { view: { content: 'The' }, expected: 'The' };
    const actual = HEADER.replace('What is', 'What  is');
    expect(nameOf({ ...given, header: actual, actual: `${HEADER}The` })).toBe('whitespace-changed');
  });

  test('of the header, just before the answer', () => {
    const header = `${HEADER}\n`;
    for (const content of ['The', '']) {
      const given = { header, view: { content }, expected: content };
      const name = nameOf({ ...given, actual: `${HEADER}${content}` });
      expect(name).toBe(content === '' ? 'header-missing' : 'leading-whitespace-trimmed');
    }
  });

  test('replaced at an end is not trimmed there', () => {
    const given = { view: { content: ' The sum\n' }, expected: ' The sum\n' };
    expect(nameOf({ ...given, actual: `${HEADER}\tThe sum\n` })).toBe('whitespace-changed');
    expect(nameOf({ ...given, actual: `${HEADER} The sum ` })).toBe('whitespace-changed');
    const more = { view: { content: 'The sum\n\n' }, expected: 'The sum\n\n' };
    expect(nameOf({ ...more, actual: `${HEADER}The sum ` })).toBe('trailing-whitespace-trimmed');
  });

  test('trimmed at both ends is trimmed at the start first', () => {
    const given = { view: { content: ' The sum\n' }, expected: ' The sum\n' };
    expect(nameOf({ ...given, actual: `${HEADER}The sum` })).toBe('leading-whitespace-trimmed');
    expect(nameOf({ ...given, actual: `${HEADER} The  sum` })).toBe('whitespace-changed');
  });

  test('at the end of the content, where a tool call follows, is trimmed there', () => {
    const call = '<tool_call>\n{"name": "f", "arguments": {';
    const view = { content: 'So I look.\n\n', toolCalls: [CALL] };
    const given = { view, expected: `So I look.\n\n${call}` };
    for (const between of ['\n', ' ', ''])
      expect(nameOf({ ...given, actual: `${HEADER}So I look.${between}${call}` })).toBe(
        'trailing-whitespace-trimmed',
      );
    expect(nameOf({ ...given, actual: `${HEADER}SoI look.\n\n${call}` })).toBe(
      'whitespace-changed',
    );
  });

  test('less of it right after the tag', () => {
    const given = { view: { reasoning: '\n So' }, expected: '<think>\n\n So' };
    expect(nameOf({ ...given, actual: `${HEADER}<think>\n So` })).toBe(
      'leading-whitespace-trimmed',
    );
  });

  test('and more than that on either side is something else', () => {
    expect(nameOf({ view: { content: 'a b' }, expected: 'a b', actual: `${HEADER}axb` })).toBe(
      'unexplained',
    );
    expect(nameOf({ view: { content: 'axb' }, expected: 'axb', actual: `${HEADER}a b` })).toBe(
      'unexplained',
    );
  });

  test('trimmed at the start of content and thought, or of one of them', () => {
    const view = { reasoning: ' So', content: ' The' };
    const expected = '<think> So</think> The';
    for (const actual of ['<think>So</think>The', '<think>So</think> The', '<think> So</think>The'])
      expect(nameOf({ view, expected, actual: HEADER + actual })).toBe(
        'leading-whitespace-trimmed',
      );
    expect(nameOf({ view, expected, actual: `${HEADER}<think>So</think>Two` })).not.toBe(
      'leading-whitespace-trimmed',
    );
  });
});

test('a character that the model wrote broken is not broken by the server', () => {
  const view = { content: 'a\uFFFDb c' };
  expect(nameOf({ view, expected: 'a\uFFFDb c', actual: `${HEADER}x\uFFFDy` })).toBe('unexplained');
});

test('a tag in the content was read as markup only where it is gone', () => {
  for (const tag of ['</think>', '[THINK]']) {
    const view = { content: `a ${tag} b ` };
    const given = { view, expected: `a ${tag} b ` };
    expect(nameOf({ ...given, actual: `${HEADER}a\n\nb` })).toBe('tag-literal-parsed');
    expect(nameOf({ ...given, actual: `${HEADER}a ${tag} b` })).toBe('trailing-whitespace-trimmed');
  }
});
