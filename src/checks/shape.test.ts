import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { viewsOf } from '../seam/view.ts';
import { CALLING, generations } from '../seam/fixtures.test-help.ts';
import { EMPTY_VIEW, type View } from '../seam/generation.ts';
import { checkShape, type ShapeEvidence } from './shape.ts';

const STOP = { expected: 'stop', actual: 'stop' };

/** What the client still lacks. */
function restOf(held: View, whole: View): View {
  return {
    reasoning: whole.reasoning.slice(held.reasoning.length),
    content: whole.content.slice(held.content.length),
    toolCalls: whole.toolCalls.map((call, i) => ({
      ...call,
      name: held.toolCalls[i] === undefined ? call.name : '',
      arguments: call.arguments.slice(held.toolCalls[i]?.arguments.length ?? 0),
    })),
  };
}

test('the honest rest holds, whole or as far as it was read', () => {
  fc.assert(
    fc.property(generations, fc.nat(60), fc.nat(60), (generation, a, b) => {
      const views = viewsOf(generation);
      const [k, end] = [a % views.length, b % views.length].toSorted((x, y) => x - y) as [
        number,
        number,
      ];
      const whole = views.at(-1)!;
      const held = views[k]!;
      expect(checkShape(held, whole, restOf(held, whole), true, STOP).problem).toBeUndefined();
      expect(
        checkShape(held, whole, restOf(held, views[end]!), false, STOP).problem,
      ).toBeUndefined();
    }),
  );
});

/** Texts in which no character is twice, so that a mutation can be mistaken for no other. */
const LETTERS = Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789€日👍');
const texts = fc
  .shuffledSubarray(LETTERS, { minLength: 8, maxLength: LETTERS.length })
  .chain((letters) =>
    fc.tuple(fc.constant(letters), fc.integer({ min: 2, max: letters.length - 4 })),
  )
  .map(([letters, cut]) => ({
    held: letters.slice(0, cut).join(''),
    rest: letters.slice(cut).join(''),
    last: letters[cut - 1] ?? '',
  }));
const fields = fc.constantFrom('reasoning', 'content');

interface Cut {
  readonly held: View;
  readonly whole: View;
  /** The view of a resumed stream that added this text. */
  readonly added: (text: string) => View;
}

/** A cut inside one field of a message; the other one is complete or not begun. */
function cutIn(field: 'reasoning' | 'content', held: string, rest: string): Cut {
  const before = field === 'content' ? { reasoning: 'Two' } : {};
  const after = field === 'content' ? {} : { content: 'It' };
  return {
    held: { ...EMPTY_VIEW, ...before, [field]: held },
    whole: { ...EMPTY_VIEW, ...before, ...after, [field]: held + rest },
    added: (text) => ({ ...EMPTY_VIEW, ...after, [field]: text }),
  };
}

function judge({ held, whole }: Cut, added: View, complete = true): ShapeEvidence {
  return checkShape(held, whole, added, complete, STOP);
}

describe('each mutation of the rest is called by its name', () => {
  const mutations: readonly (readonly [
    problem: string,
    mutate: (text: { held: string; rest: string; last: string }) => string,
  ])[] = [
    ['echo', ({ held, rest }) => held + rest],
    ['lost', ({ rest }) => rest.slice(1)],
    ['lost', ({ rest }) => rest.slice(3)],
    ['repeated', ({ rest, last }) => last + rest],
    ['repeated', ({ rest }) => rest.slice(0, 2) + rest],
    ['broken-character', ({ rest }) => `\uFFFD${rest.slice(1)}`],
    ['broken-character', ({ rest }) => `\uFFFD\uFFFD${rest}`],
    ['markup-leaked', ({ rest }) => `</think>\n\n${rest}`],
    ['markup-leaked', ({ rest }) => `[/THINK]${rest}`],
    ['other', ({ rest }) => `?${rest.slice(1)}`],
  ];
  test.each(mutations)('%s: %s', (problem, mutate) => {
    fc.assert(
      fc.property(texts, fields, fc.boolean(), (text, field, complete) => {
        const cut = cutIn(field, text.held, text.rest);
        const evidence = judge(cut, cut.added(mutate(text)), complete);
        expect([evidence.problem, evidence.field]).toEqual([problem, field]);
        expect(evidence.expected).toBe(text.rest);
        expect(evidence.actual).toBe(mutate(text));
      }),
    );
  });

  test('lost: everything', () => {
    fc.assert(
      fc.property(texts, fields, ({ held, rest }, field) => {
        // A rest that begins as the content does could be that content, in the wrong field.
        fc.pre(!'It'.startsWith(rest.slice(0, 1)) && !rest.startsWith('It'));
        const cut = cutIn(field, held, rest);
        expect(judge(cut, cut.added('')).problem).toBe('lost');
      }),
    );
  });

  test('content-as-reasoning and reasoning-as-content: the rest of the field, and all that follows', () => {
    fc.assert(
      fc.property(texts, ({ held, rest }) => {
        const content = cutIn('content', held, rest);
        expect(judge(content, { ...EMPTY_VIEW, reasoning: rest }).problem).toBe(
          'content-as-reasoning',
        );
        const reasoning = cutIn('reasoning', held, rest);
        for (const text of [rest, `${rest}</think>\n\nIt`])
          expect(judge(reasoning, { ...EMPTY_VIEW, content: text }).problem).toBe(
            'reasoning-as-content',
          );
        expect(judge(reasoning, { ...EMPTY_VIEW, reasoning: `${rest}It` }).problem).toBe(
          'content-as-reasoning',
        );
      }),
    );
  });

  test('finish: another reason than before', () => {
    fc.assert(
      fc.property(texts, fields, ({ held, rest }, field) => {
        const cut = cutIn(field, held, rest);
        const finish = { expected: 'tool_calls', actual: 'stop' };
        expect(checkShape(cut.held, cut.whole, cut.added(rest), true, finish)).toEqual({
          problem: 'finish',
          field: 'finish',
          expected: 'tool_calls',
          actual: 'stop',
        });
        expect(
          checkShape(cut.held, cut.whole, cut.added(rest), false, finish).problem,
        ).toBeUndefined();
      }),
    );
  });
});

test('think tags that leak before a text that starts with a space are think tags that leak', () => {
  const cut = cutIn('content', 'It', ' is 4.');
  expect(judge(cut, cut.added('</think>\n\n is 4.')).problem).toBe('markup-leaked');
});

describe('tool calls', () => {
  const views = viewsOf(CALLING);
  const whole = views.at(-1)!;
  const held = views.find((view) => view.toolCalls[0]?.arguments === '{"city": "Par')!;
  const call = { name: 'get_weather', arguments: '{"city": "Paris"}' };
  const problem = (toolCalls: View['toolCalls'], complete = true): string | undefined =>
    checkShape(held, whole, { ...EMPTY_VIEW, toolCalls }, complete, {
      expected: 'tool_calls',
      actual: 'tool_calls',
    }).problem;

  test('go on with the rest of their arguments', () => {
    expect(problem([{ name: '', arguments: 'is"}' }])).toBeUndefined();
    expect(problem([{ name: '', arguments: 'is' }], false)).toBeUndefined();
  });

  test('started anew in their own place', () => {
    expect(problem([call])).toBe('new-tool-call');
    expect(problem([{ ...call, arguments: '{"ci' }], false)).toBe('new-tool-call');
  });

  test('started anew as one more call', () => {
    const anew: View['toolCalls'] = [];
    Object.assign(anew, { 1: call });
    expect(problem(anew, false)).toBe('new-tool-call');
    expect(problem(anew)).toBe('new-tool-call');
  });

  test('dropped', () => {
    expect(problem([])).toBe('lost');
    expect(problem([{ name: '', arguments: 's"}' }])).toBe('lost');
    expect(problem([{ name: 'get_weather', arguments: 'is"}' }])).toBe('repeated');
  });

  test('followed by a call that the uninterrupted run does not make', () => {
    expect(problem([{ name: '', arguments: 'is"}' }, call])).toBe('new-tool-call');
  });
});
