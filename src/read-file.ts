/** Files that a user or a record names: read only when they are files, and within bounds. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { messageOf, SeamstressError } from './errors.ts';

const MIB = 1024 * 1024;
/** Bytes that are read at once. */
const PIECE = MIB;

/** What is said of a file that cannot be read. */
export interface Wanted {
  /** Largest size that is read, in bytes. */
  readonly most: number;
  /** What it should be, with its article: `a record`. */
  readonly what: string;
  /** What the user can do next. */
  readonly hint: string;
}

/**
 * The bytes of a file. Links are followed; a device, a pipe and a folder are not read, and neither
 * is a file that is larger than it says.
 *
 * @throws {SeamstressError} `config` when there is none, or it is no file or too large
 */
export function readWithin(path: string, { most, what, hint }: Wanted): Buffer {
  let handle: number | undefined;
  try {
    // Without waiting: a pipe that nobody writes to would never open.
    handle = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stat = fstatSync(handle);
    if (!stat.isFile())
      throw new Error(stat.isDirectory() ? 'it is a folder' : 'it is not a regular file');
    const bytes = stat.size > most ? undefined : contentOf(handle, stat.size, most);
    if (bytes !== undefined) return bytes;
    throw new SeamstressError(
      'config',
      `${path} is too large: ${Math.ceil(stat.size / MIB)} MiB, and ${what} is ${Math.floor(most / MIB)} MiB at most`,
      { hint },
    );
  } catch (error) {
    if (error instanceof SeamstressError) throw error;
    throw new SeamstressError('config', `cannot read ${path}: ${messageOf(error)}`, {
      hint,
      cause: error,
    });
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

/** The same, and undefined where there is no file. */
export function readIfThere(path: string, wanted: Wanted): Buffer | undefined {
  try {
    return readWithin(path, wanted);
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** What can be read, whatever the size says (0 for files of the kernel); undefined when it is too much. */
function contentOf(handle: number, size: number, most: number): Buffer | undefined {
  const pieces: Buffer[] = [];
  let total = 0;
  for (;;) {
    const piece = Buffer.allocUnsafe(Math.max(PIECE, size - total) + 1);
    const read = readSync(handle, piece);
    if (read === 0) return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
    total += read;
    if (total > most) return undefined;
    pieces.push(piece.subarray(0, read));
  }
}
