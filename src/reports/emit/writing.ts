/** Writing the files that `--report` names. */
import { writeSync } from 'node:fs';
import { messageOf, SeamstressError } from '../../errors.ts';

/** Writes all of a text, in as many calls as it takes. */
export function writeWhole(handle: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) at += writeSync(handle, bytes, at);
}

/** @throws {SeamstressError} `output` when what is tried fails */
export function writing<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw new SeamstressError('output', `cannot write ${path}: ${messageOf(error)}`, {
      hint: 'Give another path with --report KIND=PATH.',
      cause: error,
    });
  }
}
