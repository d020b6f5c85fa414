/** A finished run for the reports that compare: its record and, where it is whole, its journal. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readRun } from './emit-source.ts';
import { seamLineSchema, type RunRecord, type SeamLine } from './record.ts';

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
export function loadRun(path: string): StoredRun {
  const { record, folder } = readRun(path);
  return { record, folder, seams: () => readJournal(join(folder, 'seams.ndjson'), record) };
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
