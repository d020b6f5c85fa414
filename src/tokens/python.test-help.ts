/** What Python's `tokenizers` says of cuts, as `fixtures/make.py` writes it, and ours held against it. */
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { z } from 'zod';
import { finish, sweep } from './sweep.ts';
import type { LocalTokenizer } from './tokenizer.ts';

export const FIXTURES: string = fileURLToPath(new URL('fixtures/', import.meta.url));
export const FAMILIES = ['gpt2', 'llama3', 'qwen', 'llama2', 'unigram'] as const;
export const THINKER: string = fileURLToPath(new URL('../../models/thinker/hf/', import.meta.url));

/** A failing cut: k, its text as a part of the whole text and a rest, its ids likewise. */
type FailingCut = [number, number, string, number, number[]];

export interface PythonAnswer {
  readonly parts: string[];
  readonly ids: number[];
  readonly decoded: string;
  readonly failing: FailingCut[];
  readonly header: number[];
  readonly decodedAfterHeader: string;
  readonly failingAfterHeader: FailingCut[];
}

const cut: z.ZodType<FailingCut> = z.tuple([
  z.number(),
  z.number(),
  z.string(),
  z.number(),
  z.array(z.number()),
]);

export const answerSchema: z.ZodType<PythonAnswer> = z.strictObject({
  parts: z.array(z.string()),
  ids: z.array(z.number()),
  decoded: z.string(),
  failing: z.array(cut),
  header: z.array(z.number()),
  decodedAfterHeader: z.string(),
  failingAfterHeader: z.array(cut),
});

/** Every cut: the same ones fail, with the same text, which encodes to the same ids. */
export function expectLikePython(tokenizer: LocalTokenizer, answer: PythonAnswer): void {
  const { parts, ids, header } = answer;
  expect(parts.flatMap((part) => tokenizer.encode(part))).toEqual(ids);
  for (const [before, decoded, failing] of [
    [[], answer.decoded, answer.failing],
    [header, answer.decodedAfterHeader, answer.failingAfterHeader],
  ] as const) {
    const all = [...before, ...ids];
    expect(tokenizer.decode(all)).toBe(decoded);
    const swept = finish(sweep(tokenizer, ids, { header: before, budget: 1e7 }));
    expect(swept.counts).toMatchObject({ cuts: ids.length + 1, untested: 0 });
    expect(swept.failures.map(({ k }) => k)).toEqual(failing.map(([k]) => k));
    const characters = Array.from(decoded);
    const told = failing.map(([k, length, rest, shared, more]) => ({
      k,
      text: characters.slice(0, length).join('') + rest,
      again: [...all.slice(0, shared), ...more],
    }));
    const ours = told.map(({ k, text }) => ({
      k,
      // How many U+FFFD stand for half a character is not agreed on.
      text: text.includes('\uFFFD') ? text : tokenizer.decode(all.slice(0, before.length + k)),
      again: tokenizer.encode(text),
    }));
    expect(ours).toEqual(told);
  }
}
