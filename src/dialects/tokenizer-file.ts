/** The tokenizer file of a served model: what its tokens stand for, exactly. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SeamstressError } from '../errors.ts';
import { loadTokenizer } from '../tokens/tokenizer.ts';
import { TOKENIZER_PROBE } from './acquaint.ts';
import type { ConnectOptions } from './dialect.ts';
import { localVocabulary, type Vocabulary } from './vocabulary.ts';

/** A server whose tokenizer is wanted. */
interface Served {
  readonly url: string;
  /** Where the model's files lie on the server's machine, as it tells. */
  readonly root: string | undefined;
  /** The ids that it gives for `TOKENIZER_PROBE`. */
  readonly probeIds: readonly number[];
}

/**
 * The vocabulary of the tokenizer file that was named, or of the one that a server on this machine
 * reads itself. Undefined when there is none, or when the latter does not give the server's ids.
 *
 * @throws {SeamstressError} `config` when the file that was named is another model's
 */
export async function vocabularyOfFile(
  options: ConnectOptions,
  { url, root, probeIds }: Served,
): Promise<Vocabulary | undefined> {
  const named = options.files?.tokenizer;
  const path = named ?? (await tokenizerAt(url, root));
  if (path === undefined) return undefined;
  const tokenizer = await loadTokenizer(path);
  const ids = tokenizer.encode(TOKENIZER_PROBE);
  if (ids.join() === probeIds.join()) return localVocabulary(tokenizer);
  if (named === undefined) return undefined;
  throw new SeamstressError('config', `${named} is not the tokenizer of the model at ${url}`, {
    hint: 'A fixed text gives other ids there; use the tokenizer.json of the very model that is served.',
  });
}

async function tokenizerAt(url: string, root: string | undefined): Promise<string | undefined> {
  const here = /^(?:127\.[\d.]+|localhost|\[::1\])$/.test(new URL(url).hostname);
  if (!here || root === undefined) return undefined;
  const path = join(root, 'tokenizer.json');
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true ? path : undefined;
}
