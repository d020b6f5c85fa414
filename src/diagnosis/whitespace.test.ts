import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unjudged } from '../campaign/judge.ts';
import { checkPrompt } from '../checks/prompt.ts';
import type { JudgedSeam } from '../checks/seam.ts';
import { encode, PLAIN, subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import type { Generation } from '../seam/generation.ts';
import { rawText } from '../seam/markup.ts';
import { strategiesNamed } from '../seam/named.ts';
import { whitespaceChange } from './whitespace.ts';

/** A seam at the end of a generation whose prompt is another text than the generation's. */
function seam(generation: Generation, change: (text: string) => string): JudgedSeam {
  const subject = subjectOf(generation);
  const k = generation.length;
  const [strategy] = strategiesNamed(['reasoning-field']);
  const text = `${generation.promptText ?? ''}${change(rawText(generation, k))}`;
  const prompt = checkPrompt(generation, { first: k, last: k }, encode(text));
  return {
    ...unjudged({ subject, strategy: strategy!, k, way: 'disconnect', resume: 'none' }),
    prompt: { ...prompt, text },
  };
}

test.each([
  ['reasoning-start', THINKING, (text: string) => text.replace('<think>\n', '<think>\n\n')],
  ['before-close', THINKING, (text: string) => text.replace('</think>', '\n</think>')],
  ['after-close', THINKING, (text: string) => text.replace('</think>\n\n', '</think>\n')],
  ['seam', THINKING, (text: string) => `${text} `],
  ['text', THINKING, (text: string) => text.replace('two is', 'two  is')],
  ['content-start', PLAIN, (text: string) => ` ${text}`],
] as const)('%s', (where, generation, change) => {
  expect(whitespaceChange(seam(generation, change))?.where).toBe(where);
});

test('what became what is told visibly', () => {
  expect(
    whitespaceChange(seam(THINKING, (text) => text.replace('</think>', '\n</think>'))),
  ).toEqual({ where: 'before-close', wanted: '', got: '⏎' });
});

test('any other change is no whitespace change', () => {
  fc.assert(
    fc.property(fc.constantFrom('x', ' x', '<think>', '0'), fc.nat(40), (added, at) => {
      const changed = seam(THINKING, (text) => text.slice(0, at) + added + text.slice(at));
      expect(whitespaceChange(changed)).toBeUndefined();
    }),
  );
  expect(whitespaceChange(seam(THINKING, (text) => text))).toBeUndefined();
});
