import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { CALLING, generations, THINKING } from './fixtures.test-help.ts';
import { EMPTY_VIEW, type View } from './generation.ts';
import { addDelta, isEmptyView, sameView, viewAt, viewOf, viewsOf } from './view.ts';

/** The texts of a view, in an order in which each can only grow. */
const textsOf = ({ reasoning, content, toolCalls }: View): string[] => [
  reasoning,
  content,
  ...toolCalls.flatMap((call) => [call.name, call.arguments]),
];

test('all views in one pass are the views of each cut', () => {
  fc.assert(
    fc.property(generations, (generation) => {
      const views = viewsOf(generation);
      expect(views).toHaveLength(generation.length + 1);
      for (const [k, view] of views.entries()) expect(view).toEqual(viewAt(generation, k));
    }),
  );
});

test('a later view only adds to an earlier one', () => {
  fc.assert(
    fc.property(generations, (generation) => {
      const views = viewsOf(generation).map(textsOf);
      for (const [k, texts] of views.entries()) {
        const later = views[k + 1];
        if (later === undefined) continue;
        expect(later.length).toBeGreaterThanOrEqual(texts.length);
        for (const [i, text] of texts.entries()) expect(later[i]?.startsWith(text)).toBe(true);
      }
    }),
  );
});

test('the first view is empty and the last holds every delta', () => {
  fc.assert(
    fc.property(generations, (generation) => {
      const views = viewsOf(generation);
      expect(isEmptyView(views[0] as View)).toBe(true);
      expect(views.at(-1)).toEqual(viewOf(generation.deltas));
    }),
  );
});

test('a character of several tokens is seen with its last one', () => {
  const at = THINKING.deltas.find((delta) => delta.content === '€')?.after ?? 0;
  expect(viewAt(THINKING, at - 1).content).toBe('It is 4');
  expect(viewAt(THINKING, at).content).toBe('It is 4€');
});

test('fragments of a tool call are joined by their index', () => {
  expect(viewOf(CALLING.deltas).toolCalls).toEqual([
    { id: 'call_1', name: 'get_weather', arguments: '{"city": "Paris"}' },
  ]);
  const two = viewOf([
    { after: 1, toolCalls: [{ index: 0, name: 'a', arguments: '{' }] },
    {
      after: 2,
      toolCalls: [
        { index: 1, id: 'y', name: 'b' },
        { index: 0, arguments: '}' },
      ],
    },
  ]);
  expect(two.toolCalls).toEqual([
    { name: 'a', arguments: '{}' },
    { id: 'y', name: 'b', arguments: '' },
  ]);
});

test('adding a delta leaves the view that it is added to as it was', () => {
  const before = viewOf(CALLING.deltas);
  const copy = structuredClone(before);
  addDelta(before, { after: 1, toolCalls: [{ index: 0, arguments: '!' }] });
  expect(before).toEqual(copy);
});

test('views are the same when every text is', () => {
  const call = { id: 'call_1', name: 'f', arguments: '{' };
  const view: View = { reasoning: 'r', content: 'c', toolCalls: [call] };
  expect(sameView(view, { ...view, toolCalls: [{ ...call, id: 'call_2' }] })).toBe(true);
  for (const other of [
    { ...view, reasoning: 'R' },
    { ...view, content: 'C' },
    { ...view, toolCalls: [] },
    { ...view, toolCalls: [call, call] },
    { ...view, toolCalls: [{ ...call, name: 'g' }] },
    { ...view, toolCalls: [{ ...call, arguments: '{}' }] },
  ]) {
    expect(sameView(view, other)).toBe(false);
    expect(sameView(other, view)).toBe(false);
  }
  expect(isEmptyView(EMPTY_VIEW)).toBe(true);
  expect(isEmptyView(view)).toBe(false);
});
