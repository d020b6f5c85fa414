import { expect, test } from 'vitest';
import { nameTokenCause } from './tokens.ts';

test.each([
  ['   ', 'space-run'],
  ['\u3000\u3000', 'space-run'],
  ['\n\n', 'newline-run'],
  ['\r\n', 'newline-run'],
  ['  \n', 'newline-run'],
  ['\n  Then', 'newline-run'],
  ['.\n', 'punctuation-newline'],
  [' …\n\n', 'punctuation-newline'],
  ['。\n', 'punctuation-newline'],
  ['<|im_end|>', 'special-literal'],
  ['</s> and so on', 'special-literal'],
  ['</think> ends it', 'special-literal'],
  ['<end_of_turn>', 'special-literal'],
  ['[INST]', 'special-literal'],
  ['unbelievable', 'retokenized'],
  ['  indented', 'retokenized'],
  ['1.5', 'retokenized'],
  ['a < b', 'retokenized'],
  ['', 'retokenized'],
])('the same text in other tokens: %j is %s', (text, cause) => {
  expect(nameTokenCause(text)).toEqual({ cause, detail: '' });
});
