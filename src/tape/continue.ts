/** Makes a tape ready to be recorded on: without what was cut off and without answers worth asking for again. */
import { renameSync } from 'node:fs';
import { EntryWriter, type Entry } from './entry.ts';
import { TapeWriter } from './file.ts';
import { OpenTape } from './player.ts';

/**
 * Copies a tape into a new one that takes its place, and leaves it open. What the server could not
 * answer (no connection, an error of its own, too busy) is not copied, so that it is asked again.
 *
 * @param more options of the command line that count from now on
 */
export function continueTape(
  path: string,
  more: Readonly<Record<string, unknown>> = {},
): TapeWriter {
  const old = new OpenTape(path);
  const writer = new TapeWriter(`${path}.new`);
  const entries = new EntryWriter();
  writer.onBlock = () => entries.reset();
  const { header } = old;
  const options = { ...header.options, ...more };
  writer.append(JSON.stringify(Object.keys(more).length === 0 ? header : { ...header, options }));
  writer.flush();
  for (let block = old.next(); block !== undefined; block = old.next())
    for (const { weight, ...entry } of block)
      if (!isTrouble(entry.outcome)) writer.append(entries.line(entry), weight);
  writer.flush();
  old.close();
  renameSync(`${path}.new`, path);
  return writer;
}

function isTrouble(outcome: Entry['outcome']): boolean {
  if ('error' in outcome) return true;
  if (!('refusal' in outcome)) return false;
  const { status } = outcome.refusal;
  return status >= 500 || status === 408 || status === 429;
}
