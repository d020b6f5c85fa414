import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unjudged } from '../campaign/judge.ts';
import { checkPrompt } from '../checks/prompt.ts';
import type { JudgedSeam } from '../checks/seam.ts';
import { encode, FORCED, HEADER, PLAIN, subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import type { Generation } from '../seam/generation.ts';
import { rawText } from '../seam/markup.ts';
import { strategiesNamed } from '../seam/named.ts';
import { whitespaceChange } from './whitespace.ts';

/** A seam at the end of a generation whose prompt is another text than the generation's. */
function seam(
  generation: Generation,
  change: (text: string) => string,
  header: string | undefined = generation.promptText,
): JudgedSeam {
  const subject = subjectOf(generation);
  const k = generation.length;
  const [strategy] = strategiesNamed(['reasoning-field']);
  const text = `${header ?? ''}${change(rawText(generation, k))}`;
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
  ['text', PLAIN, (text: string) => text.replace('It ', 'It  ')],
  ['text', PLAIN, (text: string) => text.replace(' 4', '4')],
  ['text', PLAIN, (text: string) => text.replace('It', 'I t')],
  ['seam', PLAIN, (text: string) => `${text}\n`],
  ['reasoning-start', FORCED, (text: string) => ` ${text}`],
  ['reasoning-start', THINKING, (text: string) => text.replace('<think>\n', '<think>')],
  ['before-close', THINKING, (text: string) => text.replace('\n</think>', '</think>')],
  ['before-close', FORCED, (text: string) => text.replace('\n</think>', ' \n</think>')],
  ['after-close', THINKING, (text: string) => text.replace('</think>\n\n', '</think>')],
  ['after-close', THINKING, (text: string) => text.replace('\n\nIt', '\n\n It')],
  ['text', THINKING, (text: string) => text.replace('It is', 'Itis')],
  ['text', FORCED, (text: string) => text.replace('two is', 'twois')],
] as const)('%s', (where, generation, change) => {
  expect(whitespaceChange(seam(generation, change))?.where).toBe(where);
});

test('what became what is told visibly', () => {
  expect(
    whitespaceChange(seam(THINKING, (text) => text.replace('</think>', '\n</think>'))),
  ).toEqual({ where: 'before-close', wanted: '', got: '⏎' });
});

test('whitespace before the tag may belong to the markup', () => {
  // The parser keeps the last line break of the thought to itself.
  const deltas = THINKING.deltas.filter(({ reasoning }) => reasoning !== '\n');
  const kept = { ...THINKING, deltas };
  const place = (from: string, to: string): string | undefined =>
    whitespaceChange(seam(kept, (text) => text.replace(from, to)))?.where;
  expect(place('\n</think>', '</think>')).toBe('before-close');
  expect(place('\n</think>', '\n\n</think>')).toBe('before-close');
  expect(place('</think>\n\n', '</think>\n')).toBe('after-close');
});

test('a thought about its own tags ends at the last of them', () => {
  const tokens = THINKING.tokens.map((token) =>
    token.phase === 'reasoning' && token.bytes.length > 8
      ? { ...token, bytes: new TextEncoder().encode(' a </think>\n\n b') }
      : token,
  );
  const deltas = THINKING.deltas.map((delta) =>
    (delta.reasoning?.length ?? 0) > 8 ? { ...delta, reasoning: ' a </think>\n\n b' } : delta,
  );
  const about = { ...THINKING, tokens, deltas };
  const place = (from: string, to: string): string | undefined =>
    whitespaceChange(seam(about, (text) => text.replace(from, to)))?.where;
  expect(place(' a </think>\n\n b', ' a </think>\n b')).toBe('text');
  expect(place('</think>\n\nIt', '</think>\nIt')).toBe('after-close');
});

test('whitespace around a thought without tags has no place of its own', () => {
  const hidden = {
    ...THINKING,
    tokens: THINKING.tokens.map((token) =>
      new TextDecoder().decode(token.bytes).includes('think>')
        ? { ...token, bytes: new Uint8Array() }
        : token,
    ),
  };
  const place = (change: (text: string) => string): string | undefined =>
    whitespaceChange(seam(hidden, change))?.where;
  expect(place((text) => `\n${text}`)).toBe('content-start');
  expect(place((text) => text.replace('\n\n\nIt', '\nIt'))).toBe('text');
});

test('what stands before the answer is text, too', () => {
  for (const generation of [THINKING, PLAIN]) {
    for (const header of [HEADER.replace('\nHi', '\n Hi'), HEADER.trimEnd()])
      expect(whitespaceChange(seam(generation, (text) => text, header))?.where).toBe('text');
  }
});

const withPrompt = (of: JudgedSeam, more: Partial<JudgedSeam['prompt']>): JudgedSeam =>
  of.prompt === undefined ? of : { ...of, prompt: { ...of.prompt, ...more } };

test('there is no change where the prompt agrees, or is not known', () => {
  const spaced = seam(THINKING, (text) => text.replace('two is', 'two  is'));
  const same = seam(THINKING, (text) => text);
  expect(whitespaceChange(spaced)).toBeDefined();
  expect(whitespaceChange(withPrompt(spaced, { agrees: true }))).toBeUndefined();
  expect(whitespaceChange(withPrompt(spaced, { text: undefined }))).toBeUndefined();
  expect(whitespaceChange({ ...spaced, prompt: undefined })).toBeUndefined();
  expect(whitespaceChange(withPrompt(same, { agrees: false }))).toBeUndefined();
});

test('any other change is no whitespace change', () => {
  fc.assert(
    fc.property(fc.constantFrom('x', ' x', '<think>', '0'), fc.nat(40), (added, at) => {
      const changed = seam(THINKING, (text) => text.slice(0, at) + added + text.slice(at));
      expect(whitespaceChange(changed)).toBeUndefined();
    }),
  );
  expect(whitespaceChange(seam(THINKING, (text) => text))).toBeUndefined();
  for (const gone of ['Two', ' and two', 'It'])
    expect(whitespaceChange(seam(THINKING, (text) => text.replace(gone, '')))).toBeUndefined();
});
