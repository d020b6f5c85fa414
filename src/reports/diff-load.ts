/** Reads a finished run for the reports that compare: its record and, where it is whole, its journal. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf, SeamstressError } from '../errors.ts';
import { readRecord, runSchema, seamLineSchema, type RunRecord, type SeamLine } from './record.ts';

/** A run as it lies on disk. */
export interface StoredRun {
  readonly folder: string;
  readonly record: RunRecord;
  /** The journal; undefined where it is missing, does not fit, or is not as long as the record says. */
  readonly seams: () => Promise<readonly SeamLine[] | undefined>;
}

/**
 * @param path the folder of a run, or its `run.json`
 * @throws {SeamstressError} `config` when there is no record, or one that cannot be read
 */
export async function loadRun(path: string): Promise<StoredRun> {
  const file = (await isFolder(path)) ? join(path, 'run.json') : path;
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new SeamstressError('config', `cannot read ${file}: ${messageOf(error)}`, {
      hint: 'Give the folder of a run, or its run.json.',
      cause: error,
    });
  }
  const record = readRecord(runSchema, value, file);
  const journal = basename(file) === 'run.json' ? join(dirname(file), 'seams.ndjson') : undefined;
  return {
    folder: dirname(file),
    record,
    seams: async () => (journal === undefined ? undefined : await readJournal(journal, record)),
  };
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function readJournal(
  file: string,
  { totals }: RunRecord,
): Promise<readonly SeamLine[] | undefined> {
  try {
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
    const seams = lines.map((line) => seamLineSchema.parse(JSON.parse(line)));
    return seams.length === totals.seams ? seams : undefined;
  } catch {
    return undefined;
  }
}
