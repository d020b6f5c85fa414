/** The same text, other ids: what the tokenizer encodes differently at the seam. */
import { bytesOf, type Generation } from '../seam/generation.ts';
import { viewOf } from '../seam/view.ts';
import type { Cause, Named } from './causes.ts';

/** Two lists of prompt ids for the same text. */
export interface IdsFacts {
  readonly generation: Generation;
  /** Prompt ids and the ids of the first `kept` tokens. */
  readonly expected: readonly number[];
  readonly actual: readonly number[];
  readonly kept: number;
}

const CONTROL_LITERAL =
  /<[|｜][^|｜<>\s]+[|｜]>|<\/?s>|<bos>|<\/?think>|<(?:start|end)_of_turn>|\[\/?(?:INST|THINK)\]/;

/** Names why the same text has other ids. */
export function nameIdsCause(facts: IdsFacts): Named {
  const { generation, expected, actual, kept } = facts;
  const base = generation.promptIds.length;
  const span = firstChange(expected, actual);
  const from = Math.max(0, span.at - base);
  const text = textOf(generation, from, Math.max(from, span.end - base));
  if (span.at < base) return named('header-merged');
  const [wanted, got] = [expected.slice(base), actual.slice(base)];
  if (span.at === base && oneMore(wanted, got)) return named('dummy-prefix');
  if (literalBeginsAt(generation, text, textOf(generation, from, kept)))
    return named('special-literal');
  if (notNormal(textOf(generation, Math.max(0, from - 1), kept), text))
    return named('text-normalized');
  if (sameIds(wanted.slice(1), got.slice(1))) return named('dummy-prefix');
  return nameTokenCause(text);
}

/** Names the cause by the text whose tokens differ, as far as it is whole characters. */
export function nameTokenCause(text: string): Named {
  const run = text.slice(0, text.length - text.trimStart().length);
  if (CONTROL_LITERAL.test(text)) return named('special-literal');
  if (run.includes('\n') || run.includes('\r')) return named('newline-run');
  if (run.length > 0 && run.length === text.length) return named('space-run');
  if (/^\s*[\p{P}\p{S}]+[\r\n]+$/u.test(text)) return named('punctuation-newline');
  return named('retokenized');
}

/** The first difference: expected ids from `at` to `end` stand otherwise in the actual list. */
function firstChange(
  expected: readonly number[],
  actual: readonly number[],
): { readonly at: number; readonly end: number } {
  let at = 0;
  while (at < expected.length && expected[at] === actual[at]) at++;
  // The same text is in at least one token on each side, and in more on one of them. Behind the
  // ends of both lists they are the same at last.
  for (let moved = 3; ; moved++)
    for (let i = 1; i < moved; i++)
      if (expected[at + i] === actual[at + moved - i])
        return { at, end: Math.min(at + i, expected.length) };
}

/** True when text of the message that looks like a control token begins in the changed text or right after it. */
function literalBeginsAt(generation: Generation, changed: string, whole: string): boolean {
  const { reasoning, content } = viewOf(generation.deltas);
  return Array.from(whole.matchAll(new RegExp(CONTROL_LITERAL, 'g'))).some(
    ({ 0: literal, index }) =>
      index <= changed.length && (reasoning.includes(literal) || content.includes(literal)),
  );
}

function textOf(generation: Generation, from: number, to: number): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    bytesOf(generation.tokens, from, to),
    { stream: true },
  );
}

/** True when normalization changes the text at the difference; a mark may follow the changed tokens. */
function notNormal(around: string, changed: string): boolean {
  const at = around.indexOf(changed);
  const near = around.slice(Math.max(0, at - 1), at + changed.length + 1);
  return near.normalize('NFC') !== near;
}

/** True when one list is the other with one more id before it: then the text has changed there. */
function oneMore(a: readonly number[], b: readonly number[]): boolean {
  return sameIds(a, b.slice(1)) || sameIds(a.slice(1), b);
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

function named(cause: Cause): Named {
  return { cause, detail: '' };
}
