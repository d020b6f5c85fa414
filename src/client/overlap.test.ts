import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EMPTY_VIEW, type View } from '../seam/generation.ts';
import { stitchView } from '../seam/stitch.ts';
import { Overlap, type Texts } from './overlap.ts';

const TEXT = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', '😀'), maxLength: 12 });

/** A text in pieces. */
function pieces(text: string, size: number): string[] {
  const all = Array.from(text);
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) =>
    all.slice(i * size, (i + 1) * size).join(''),
  );
}

/** A message as a stream from some place on. */
function streamOf(view: View, kept: View, size: number): Texts[] {
  return [
    ...pieces(view.reasoning.slice(kept.reasoning.length), size).map((reasoning) => ({
      reasoning,
    })),
    ...pieces(view.content.slice(kept.content.length), size).map((content) => ({ content })),
  ];
}

const VIEW = fc.record({ reasoning: TEXT, content: TEXT, toolCalls: fc.constant([]) });
const SHARE = fc.double({ min: 0, max: 1, noNaN: true });

/** The beginning of a message, by a share of its text. */
function beginning({ reasoning, content }: View, share: number): View {
  const whole = Array.from(reasoning + content);
  const taken = whole.slice(0, Math.floor(whole.length * share)).join('');
  return {
    reasoning: taken.slice(0, reasoning.length),
    content: taken.slice(reasoning.length),
    toolCalls: [],
  };
}

test('what was told and what passes are the whole message, whatever is sent again', () => {
  fc.assert(
    fc.property(VIEW, SHARE, SHARE, fc.integer({ min: 1, max: 5 }), (whole, a, b, size) => {
      const told = beginning(whole, Math.max(a, b));
      const kept = beginning(whole, Math.min(a, b));
      const overlap = new Overlap(told, kept);
      let view = told;
      for (const texts of streamOf(whole, kept, size)) {
        const passed = overlap.pass(texts);
        expect(passed.kind).toBe('new');
        if (passed.kind === 'new' && passed.texts !== undefined)
          view = stitchView(view, [{ after: 0, ...passed.texts }]);
      }
      expect(view).toEqual(whole);
      expect(overlap.over).toBe(true);
    }),
  );
});

test('another text than was told is broken, and is never passed on', () => {
  fc.assert(
    fc.property(VIEW, TEXT, (whole, other) => {
      fc.pre(whole.reasoning !== '' && other !== '');
      const shared = Math.min(whole.reasoning.length, other.length);
      fc.pre(whole.reasoning.slice(0, shared) !== other.slice(0, shared));
      const overlap = new Overlap(whole, EMPTY_VIEW);
      expect(overlap.pass({ reasoning: other })).toMatchObject({ kind: 'broken' });
    }),
  );
});

test.each<[View, Texts, string]>([
  [
    { reasoning: 'ab', content: '', toolCalls: [] },
    { content: 'x' },
    'the reasoning ends earlier than before',
  ],
  [
    { reasoning: '', content: 'ab', toolCalls: [] },
    { toolCalls: [{ index: 0, name: 'f' }] },
    'the content ends earlier than before',
  ],
])('a field that ends earlier than it did is broken: %j', (told, texts, detail) => {
  expect(new Overlap(told, EMPTY_VIEW).pass(texts)).toEqual({ kind: 'broken', detail });
});

test('a tool call goes on without its name, and another one has its own', () => {
  const told: View = { ...EMPTY_VIEW, toolCalls: [{ name: 'f', arguments: '{"a' }] };
  const overlap = new Overlap(told, told);
  expect(overlap.pass({ toolCalls: [{ index: 0, arguments: '": 1}' }] })).toMatchObject({
    kind: 'new',
  });
  expect(overlap.pass({ toolCalls: [{ index: 1, name: 'g' }] })).toMatchObject({ kind: 'new' });
  expect(overlap.pass({ toolCalls: [{ index: 0, name: 'f' }] })).toMatchObject({ kind: 'broken' });
});
