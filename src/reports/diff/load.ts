/** A finished run for the reports that compare: its record and, where it is whole, its journal. */
import { journalOf, readRun } from '../emit/source.ts';
import type { RunRecord, SeamLine } from '../record.ts';

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
  return { record, folder, seams: async () => readJournal(folder, record) };
}

function readJournal(folder: string, { totals }: RunRecord): readonly SeamLine[] | undefined {
  try {
    const seams = [...journalOf(folder)];
    return seams.length === totals.seams ? seams : undefined;
  } catch {
    return undefined;
  }
}
