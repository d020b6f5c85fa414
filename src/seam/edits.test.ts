import { expect, test } from 'vitest';
import { CALLING, FORCED, PLAIN, subjectOf, THINKING } from './fixtures.test-help.ts';
import type { Generation } from './generation.ts';
import { rawText } from './markup.ts';
import { strategiesNamed } from './named.ts';
import type { Resume } from './strategy.ts';

function resume(name: string, generation: Generation, k: number): Resume {
  const subject = subjectOf(generation);
  return strategiesNamed([name])[0]!.resume({ ...subject, k, view: subject.views[k]! });
}

function prefill(name: string, generation: Generation, k: number): unknown {
  const made = resume(name, generation, k);
  return made.kind === 'chat' ? made.request.prefill : undefined;
}

const GENERATIONS = [THINKING, FORCED, PLAIN, CALLING];
/** Every cut at which an edit changes what is sent. */
function changed(name: string, edit: string, generation: Generation): number[] {
  const cuts = Array.from({ length: generation.length + 1 }, (_, k) => k);
  const sent = (by: string, k: number): string => JSON.stringify(resume(by, generation, k));
  return cuts.filter((k) => sent(name, k) !== sent(`${name}/${edit}`, k));
}

test('start-over: no assistant message where nothing was read, and nothing else', () => {
  for (const generation of GENERATIONS) {
    const { views } = subjectOf(generation);
    const empty = views.flatMap(({ reasoning, content, toolCalls }, k) =>
      reasoning + content === '' && toolCalls.length === 0 ? [k] : [],
    );
    expect(changed('reasoning-field', 'start-over', generation)).toEqual(empty);
    expect(prefill('reasoning-field/start-over', generation, 0)).toBeUndefined();
  }
});

test('newline-less: the last line break of the reasoning, once the thinking is over', () => {
  const after = THINKING.deltas.find((delta) => delta.content === 'It')!.after;
  const past = Array.from({ length: THINKING.length - after + 1 }, (_, i) => after + i);
  expect(changed('reasoning-field', 'newline-less', THINKING)).toEqual(past);
  expect(prefill('reasoning-field/newline-less', THINKING, after)).toEqual({
    reasoning: 'Two and two is four.',
    content: 'It',
  });
  expect(changed('reasoning-field', 'newline-less', PLAIN)).toEqual([]);
});

test('tool-text: the raw text after the thinking in place of the tool call', () => {
  const { views } = subjectOf(CALLING);
  for (const [k, { toolCalls, reasoning }] of views.entries()) {
    if (toolCalls.length === 0) continue;
    const raw = rawText(CALLING, k);
    expect(prefill('reasoning-field/tool-text', CALLING, k)).toEqual({
      reasoning,
      content: raw.slice(raw.indexOf('<tool_call>')),
    });
  }
  expect(changed('reasoning-field', 'tool-text', THINKING)).toEqual([]);
});

test('edits are applied one after the other', () => {
  const k = CALLING.length;
  expect(prefill('reasoning-field/newline-less/tool-text', CALLING, k)).toEqual(
    prefill('reasoning-field/tool-text/newline-less', CALLING, k),
  );
  expect(prefill('reasoning-field/newline-less/tool-text', CALLING, k)).toMatchObject({
    reasoning: 'Two and two is four.',
    content: expect.stringMatching(/^<tool_call>/) as string,
  });
});
