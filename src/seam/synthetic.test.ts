import { describe, expect, test } from 'vitest';
import { checkPrompt } from '../checks/prompt.ts';
import { encode, FakeTarget, FORCED, PLAIN, subjectOf, THINKING } from './fixtures.test-help.ts';
import type { Generation } from './generation.ts';
import { rawText } from './markup.ts';
import { STRATEGIES } from './strategy.ts';
import type { Subject } from './subject.ts';
import { syntheticSubject, type SyntheticText } from './synthetic.ts';
import { viewOf } from './view.ts';

const signal = new AbortController().signal;

async function synthetic(base: Generation, text: SyntheticText): Promise<Subject> {
  return await syntheticSubject(new FakeTarget(base), subjectOf(base), text, signal);
}

const BOTH = { reasoning: 'why', content: 'so' };

describe('a text plays the part of a generation', () => {
  test.each([
    ['with both', THINKING, BOTH, '<think>\nwhy\n</think>\n\nso'],
    ['inside its thinking', THINKING, { reasoning: 'why', content: '' }, '<think>\nwhy'],
    ['without thinking', THINKING, { reasoning: '', content: 'so' }, 'so'],
    ['after a prompt that opened the thinking', FORCED, BOTH, 'why\n</think>\n\nso'],
    ['of a model that does not think', PLAIN, BOTH, 'so'],
    ['empty', THINKING, { reasoning: '', content: '' }, ''],
  ])('%s', async (_, base, text, raw) => {
    const { generation } = await synthetic(base, text);
    expect(rawText(generation, generation.length)).toBe(raw);
    expect(generation.promptIds).toBe(base.promptIds);
    expect(generation.synthetic).toBe(true);
  });

  test('whose view is the text, the line break before the closing tag included', async () => {
    const { generation } = await synthetic(THINKING, BOTH);
    expect(viewOf(generation.deltas)).toEqual({ reasoning: 'why\n', content: 'so', toolCalls: [] });
  });

  test('and lends the think tags of the real one', async () => {
    expect((await synthetic(THINKING, { reasoning: '', content: 'so' })).markup).toMatchObject({
      opening: '<think>\n',
      closing: '</think>\n\n',
    });
  });
});

/** A prompt that ends with the bare tag; the line break after it is written by the model. */
const BARE_TAG: Generation = {
  ...THINKING,
  promptText: `${THINKING.promptText}<think>`,
  promptIds: [...THINKING.promptIds, ...encode('<think>')],
  tokens: THINKING.tokens.slice(1),
  length: THINKING.length - 1,
  deltas: THINKING.deltas.map((delta) => ({ ...delta, after: delta.after - 1 })),
};

test('the part of the opening that the prompt holds is not written again', async () => {
  const { generation } = await synthetic(BARE_TAG, { reasoning: 'why', content: '' });
  expect(rawText(generation, generation.length)).toBe('\nwhy');
});

test('a faithful server renders just this text for a client that holds it', async () => {
  for (const base of [THINKING, FORCED, PLAIN])
    for (const text of [
      BOTH,
      { reasoning: 'a  b', content: '' },
      { reasoning: '', content: 'x\n\n' },
    ]) {
      const target = new FakeTarget(base);
      const subject = await synthetic(base, text);
      const k = subject.generation.length;
      const resume = STRATEGIES[0]!.resume({ ...subject, k, view: subject.views[k]! });
      if (resume.kind !== 'chat') throw new Error('not a chat strategy');
      const { ids } = await target.render(resume.request);
      expect(
        checkPrompt(subject.generation, subject.viewClasses[k]!, ids),
        JSON.stringify(text),
      ).toMatchObject({
        agrees: true,
        kept: k,
      });
    }
});
