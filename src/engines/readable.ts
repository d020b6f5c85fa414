import { access, constants } from 'node:fs/promises';
import { messageOf, SeamstressError } from '../errors.ts';

/**
 * Checks that a file of the user's can be read before anything is installed or started for it.
 *
 * @throws SeamstressError `usage` if it cannot.
 */
export async function requireReadable(path: string, what: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (cause) {
    throw new SeamstressError('usage', `the ${what} cannot be read: ${messageOf(cause)}`, {
      hint: 'Check the path.',
      cause,
    });
  }
}
