/**
 * Check 3, shape: the resumed stream must go on where the client stopped reading. Its deltas,
 * field by field, must be the rest of the uninterrupted message: no echo of the prefill, nothing
 * lost, nothing twice, reasoning stays reasoning, a tool call's arguments stay one JSON text, and
 * the finish reason is honest.
 */
import type { View } from '../seam/generation.ts';

/** What can be wrong with the shape of a resumed stream. */
export const SHAPE_PROBLEMS = [
  /** The prefill is sent again before the new text. */
  'echo',
  /** Content arrives in the reasoning field. */
  'content-as-reasoning',
  /** Reasoning arrives in the content field. */
  'reasoning-as-content',
  /** Text of the resumed stream is missing. */
  'lost',
  /** A piece that the client already holds, or that was just sent, is sent again. */
  'repeated',
  /** A character arrives as U+FFFD. */
  'broken-character',
  /** Think tags arrive as text before the new text. */
  'markup-leaked',
  /** A tool call that was open is started anew instead of continued. */
  'new-tool-call',
  /** JSON that is held is begun again behind itself (`structure.ts`). */
  'json-restarted',
  /** Held and added text are no JSON value that fits the schema (`structure.ts`). */
  'json-broken',
  /** The stated finish reason is not that of the uninterrupted run. */
  'finish',
  /** The texts differ in some other way. */
  'other',
] as const;
export type ShapeProblem = (typeof SHAPE_PROBLEMS)[number];

export interface ShapeEvidence {
  readonly problem: ShapeProblem | undefined;
  readonly field: 'reasoning' | 'content' | 'tool-call' | 'finish' | undefined;
  readonly expected: string;
  readonly actual: string;
}

/** Think tags, and nothing else, at the start of a text. */
const LEADING_MARKUP = /^(?:\s*(?:<\/?think>|\[\/?THINK\]))+\s*/;

const GOOD: ShapeEvidence = { problem: undefined, field: undefined, expected: '', actual: '' };

/**
 * Compares what a resumed stream added with what was still missing.
 *
 * @param held the client's view at the cut
 * @param whole the view of the uninterrupted generation
 * @param added the view of the resumed stream alone
 * @param complete true when the resumed stream ran to its own end
 * @param finish the finish reasons, compared only when complete
 */
export function checkShape(
  held: View,
  whole: View,
  added: View,
  complete: boolean,
  finish: { readonly expected: string | undefined; readonly actual: string | undefined },
): ShapeEvidence {
  const reasoning = compareText(
    'reasoning',
    held.reasoning,
    whole.reasoning,
    added.reasoning,
    complete,
  );
  const content = compareText('content', held.content, whole.content, added.content, complete);
  const swapped = wrongField(held, whole, added);
  if (swapped !== undefined) return swapped;
  const bad = [reasoning, content, compareToolCalls(held, whole, added, complete)].find(
    (evidence) => evidence.problem !== undefined,
  );
  if (bad !== undefined) return bad;
  if (complete && finish.expected !== undefined && finish.actual !== finish.expected)
    return {
      problem: 'finish',
      field: 'finish',
      expected: finish.expected,
      actual: finish.actual ?? 'none',
    };
  return GOOD;
}

/** Text that arrived in the other field than the one it belongs to. */
function wrongField(held: View, whole: View, added: View): ShapeEvidence | undefined {
  const restReasoning = whole.reasoning.slice(held.reasoning.length);
  const restContent = whole.content.slice(held.content.length);
  const spilled = added.reasoning.slice(restReasoning.length);
  if (
    (restReasoning === '' || added.content === '') &&
    added.reasoning.startsWith(restReasoning) &&
    matches(restContent, spilled)
  )
    return {
      problem: 'content-as-reasoning',
      field: 'content',
      expected: restContent,
      actual: spilled,
    };
  if (added.reasoning === '' && matches(restReasoning, added.content))
    return {
      problem: 'reasoning-as-content',
      field: 'reasoning',
      expected: restReasoning,
      actual: added.content,
    };
  return undefined;
}

/** True where a text that was added is what was missing, as far as both go, or begins with it. */
function matches(rest: string, added: string): boolean {
  const a = rest.trimStart();
  const b = added.trimStart();
  if (a === '') return added !== '' && rest.startsWith(added);
  return b !== '' && (a.startsWith(b) || b.startsWith(a));
}

function compareText(
  field: 'reasoning' | 'content' | 'tool-call',
  held: string,
  whole: string,
  added: string,
  complete: boolean,
): ShapeEvidence {
  const rest = whole.slice(held.length);
  if (whole.startsWith(held) && (complete ? added === rest : rest.startsWith(added))) return GOOD;
  return { problem: nameTextProblem(held, rest, added), field, expected: rest, actual: added };
}

function nameTextProblem(held: string, rest: string, added: string): ShapeProblem {
  const start = held.slice(0, LONG);
  if (added.startsWith(start) && !rest.startsWith(start)) return 'echo';
  if (added.includes('\uFFFD') && !rest.includes('\uFFFD')) return 'broken-character';
  if (leaksMarkup(rest, added)) return 'markup-leaked';
  const at = sharedLength(rest, added);
  if (skips(rest.slice(at), added.slice(at))) return 'lost';
  return overlap(held, added, rest) || (at > 0 && skips(added.slice(at), rest.slice(at)))
    ? 'repeated'
    : 'other';
}

/** Think tags come first, and then what was expected. */
function leaksMarkup(rest: string, added: string): boolean {
  const text = added.replace(LEADING_MARKUP, '');
  return LEADING_MARKUP.test(added) && rest.trimStart().startsWith(text.slice(0, PROBE));
}

/** Characters that must agree after a gap before it counts as one. */
const PROBE = 12;
/** Characters of what is held that are looked for in what is added. */
const LONG = 200;

/** True when `shorter` goes on as `longer` does after leaving something out. */
function skips(longer: string, shorter: string): boolean {
  const probe = shorter.slice(0, PROBE);
  return probe === '' ? longer !== '' : longer.includes(probe);
}

function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** True when the added text starts by repeating the end of what is held, or its own first piece. */
function overlap(held: string, added: string, rest: string): boolean {
  for (let size = Math.min(held.length, added.length, LONG); size > 0; size--)
    if (held.endsWith(added.slice(0, size)) && rest.startsWith(added.slice(size, size + PROBE)))
      return true;
  return false;
}

function compareToolCalls(held: View, whole: View, added: View, complete: boolean): ShapeEvidence {
  const extra = added.toolCalls[whole.toolCalls.length];
  if (extra !== undefined)
    return {
      problem: 'new-tool-call',
      field: 'tool-call',
      expected: '',
      actual: `${extra.name}(${extra.arguments})`,
    };
  const calls = whole.toolCalls.map(({ arguments: wanted }, index) => {
    const before = held.toolCalls[index]?.arguments ?? '';
    const got = added.toolCalls[index]?.arguments ?? '';
    const evidence = compareText('tool-call', before, wanted, got, complete);
    const anew = before !== '' && got !== '' && wanted.startsWith(got);
    const name = added.toolCalls[index]?.name ?? '';
    if (evidence.problem === undefined && name !== '' && held.toolCalls[index]?.name === name)
      return { problem: 'repeated', field: 'tool-call', expected: '', actual: name } as const;
    return evidence.problem !== undefined && anew
      ? ({ ...evidence, problem: 'new-tool-call' } as const)
      : evidence;
  });
  return calls.find(({ problem }) => problem !== undefined) ?? GOOD;
}
