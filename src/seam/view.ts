/** Views: what a client holds after reading the deltas of the first k tokens. */
import type { Delta, Generation, ToolCallView, View } from './generation.ts';
import { EMPTY_VIEW } from './generation.ts';

/** Adds one delta to a view, as every streaming client does. */
export function addDelta(view: View, delta: Delta): View {
  return {
    reasoning: view.reasoning + (delta.reasoning ?? ''),
    content: view.content + (delta.content ?? ''),
    toolCalls:
      delta.toolCalls === undefined
        ? view.toolCalls
        : addToolCalls(view.toolCalls, delta.toolCalls),
  };
}

function addToolCalls(
  calls: readonly ToolCallView[],
  deltas: NonNullable<Delta['toolCalls']>,
): readonly ToolCallView[] {
  const result = [...calls];
  for (const delta of deltas) {
    const before = result[delta.index] ?? { name: '', arguments: '' };
    const id = delta.id ?? before.id;
    result[delta.index] = {
      ...(id === undefined ? {} : { id }),
      name: before.name + (delta.name ?? ''),
      arguments: before.arguments + (delta.arguments ?? ''),
    };
  }
  return result;
}

/** What the deltas add up to. */
export function viewOf(deltas: Iterable<Delta>): View {
  let [reasoning, content, toolCalls] = ['', '', EMPTY_VIEW.toolCalls];
  for (const delta of deltas) {
    if (delta.reasoning !== undefined) reasoning += delta.reasoning;
    if (delta.content !== undefined) content += delta.content;
    if (delta.toolCalls !== undefined) toolCalls = addToolCalls(toolCalls, delta.toolCalls);
  }
  return { reasoning, content, toolCalls };
}

/** What the client holds when the stream is closed after `k` tokens. */
export function viewAt(generation: Generation, k: number): View {
  return viewOf(generation.deltas.filter((delta) => delta.after <= k));
}

/** All views of a generation in one pass: element k is the view after k tokens, 0 ≤ k ≤ n. */
export function viewsOf(generation: Generation): View[] {
  const views: View[] = [];
  let view = EMPTY_VIEW;
  let next = 0;
  for (let k = 0; k <= generation.length; k++) {
    for (
      let delta = generation.deltas[next];
      delta !== undefined && delta.after <= k;
      delta = generation.deltas[++next]
    )
      view = addDelta(view, delta);
    views.push(view);
  }
  return views;
}

/** Equal texts in every field; the ids that servers invent for tool calls do not count. */
export function sameView(a: View, b: View): boolean {
  return (
    a.reasoning === b.reasoning &&
    a.content === b.content &&
    a.toolCalls.length === b.toolCalls.length &&
    a.toolCalls.every((call, i) => {
      const other = b.toolCalls[i];
      return other !== undefined && call.name === other.name && call.arguments === other.arguments;
    })
  );
}

/** True when nothing has been read yet. */
export function isEmptyView(view: View): boolean {
  return view.reasoning === '' && view.content === '' && view.toolCalls.length === 0;
}
