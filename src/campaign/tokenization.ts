/**
 * Tokenizer idempotence of a run: does the text of a generation's first k tokens encode back to
 * them, alone and after its prompt; and does the local tokenizer encode as the server does?
 */
import type { Target } from '../dialects/dialect.ts';
import type { RunRecord } from '../reports/record.ts';
import { idsOf } from '../seam/generation.ts';
import { rawText } from '../seam/markup.ts';
import { compareTokenizers, type ServerEncoding } from '../tokens/compare.ts';
import { roundTripTableAsync } from '../tokens/report.ts';
import { loadTokenizer } from '../tokens/tokenizer.ts';
import type { Subjects } from './shelf.ts';

/**
 * @param path of the model's tokenizer; without one only cuts inside characters are seen, and
 *   nothing is compared
 */
export async function tokenization(
  target: Target,
  subjects: Subjects,
  path: string | undefined,
  signal: AbortSignal,
): Promise<NonNullable<RunRecord['tokenization']>> {
  const tokenizer = path === undefined ? undefined : await loadTokenizer(path);
  const generations = Array.from(subjects, ({ generation }) => ({
    kind: generation.scenario.id,
    ids: idsOf(generation.tokens, 0, generation.length),
    bytes: generation.tokens.slice(0, generation.length).map((token) => token.bytes),
    header: generation.promptIds,
  }));
  const table = await roundTripTableAsync(tokenizer, generations, signal);
  if (tokenizer === undefined) return { table };
  const encodings: ServerEncoding[] = [];
  for (const { generation } of subjects) {
    const { promptText, promptIds, length } = generation;
    if (promptText !== undefined) encodings.push({ text: promptText, ids: promptIds });
    const text = rawText(generation, length);
    encodings.push({ text, ids: await target.encode(text, signal) });
  }
  return { table, comparison: compareTokenizers(tokenizer, encodings) };
}
