/** The same text, other ids: what kind of text the tokenizer encodes differently at the seam. */
import type { Named } from './causes.ts';

/** @param text the text of the expected tokens from the first difference on, as far as it is whole characters */
export function nameTokenCause(text: string): Named {
  const run = text.match(/^\s+/)?.[0] ?? '';
  if (/<\|[^|<>\s]+\|>|<\/?s>/.test(text)) return { cause: 'special-literal', detail: '' };
  if (run.includes('\n') || run.includes('\r')) return { cause: 'newline-run', detail: '' };
  if (run.length > 0 && run.length === text.length) return { cause: 'space-run', detail: '' };
  if (/^\s*[\p{P}\p{S}]+[\r\n]+$/u.test(text)) return { cause: 'punctuation-newline', detail: '' };
  return { cause: 'retokenized', detail: '' };
}
