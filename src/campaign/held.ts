/** Which cuts the text that a client holds can stand for. */
import type { CutClass } from '../seam/classes.ts';
import type { View } from '../seam/generation.ts';
import type { Subject } from '../seam/subject.ts';
import { sameView } from '../seam/view.ts';
import { isPrefix } from './realCuts.ts';

type Cut = Pick<Subject, 'generation' | 'views' | 'viewClasses'>;

/** The class of one cut alone. */
export function only(k: number): CutClass {
  return { first: k, last: k };
}

/**
 * The class of cuts at which a client holds this view: that of k, unless a real cut gave another
 * view. A server may divide a stream otherwise the second time; then it is the cut whose tokens are
 * the text that is held.
 */
export function classOfView(subject: Cut, k: number, view: View): CutClass {
  const { views, viewClasses } = subject;
  const derived = views[k];
  if (derived !== undefined && sameView(derived, view)) return viewClasses[k] ?? only(k);
  const at = views.findIndex((known) => sameView(known, view));
  if (at >= 0) return viewClasses[at] ?? only(k);
  return only(cutBetween(subject, view) ?? k);
}

/** The cut after the last view that the held one goes on from, by the text of the tokens there. */
function cutBetween({ generation, views, viewClasses }: Cut, view: View): number | undefined {
  const last = views.findLastIndex((known) => isPrefix(known, view));
  const from = viewClasses[last]?.first ?? last;
  const before = views[from];
  if (before === undefined || view.toolCalls.length > before.toolCalls.length) return undefined;
  const more = textOf(view).slice(textOf(before).length);
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let text = '';
  for (let j = from; j < generation.length && text.length < more.length; j++) {
    const token = generation.tokens[j];
    // Markup between is not shown.
    if (token === undefined || token.phase === 'opening' || token.phase === 'closing') continue;
    text += decoder.decode(token.bytes, { stream: true });
    if (text === more) return j + 1;
  }
  return undefined;
}

function textOf({ reasoning, content, toolCalls }: View): string {
  return reasoning + content + toolCalls.map((call) => call.arguments).join('');
}
