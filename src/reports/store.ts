/** The folder of a run: `run.json`, `seams.ndjson`, `findings/`, `raw/`, and the tape of all answers. */
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { messageOf, SeamstressError } from '../errors.ts';
import { TapeWriter } from '../tape/file.ts';
import type { RawChunk } from '../wire/capture.ts';
import { lockFolder, unlockFolder } from './lock.ts';
import type { Finding, RunRecord, SeamLine } from './record.ts';

/** Where a campaign writes. */
export interface RunSink {
  /** Where a finding's file will be. */
  findingPath(id: string): string;
  seam(line: SeamLine): void;
  finding(finding: Finding): void;
  raw(id: string, capture: readonly RawChunk[]): void;
  /** A new tape for what the target answers; without one nothing is recorded. */
  tape?(): TapeWriter;
  finish(record: RunRecord): void;
}

/** For campaigns whose record is all that is wanted. */
export const NOWHERE: RunSink = {
  findingPath: (id) => `${id}.json`,
  seam: () => {},
  finding: () => {},
  raw: () => {},
  finish: () => {},
};

/** A store that keeps no tape. */
export function withoutTape(store: RunSink): RunSink {
  return {
    findingPath: (id) => store.findingPath(id),
    seam: (line) => store.seam(line),
    finding: (finding) => store.finding(finding),
    raw: (id, capture) => store.raw(id, capture),
    finish: (record) => store.finish(record),
  };
}

/** The tape's name in the folder of a run. */
export const TAPE = 'tape.bin';

/**
 * Writes a run. The folder is taken at once, and an earlier run in it replaced by the first that is
 * written; seams are written when they come, the rest when the run ends.
 *
 * @throws {SeamstressError} `output` from every method when the folder cannot be written
 */
export class RunStore implements RunSink {
  readonly folder: string;
  readonly #goOn: boolean;
  /** The folders that were made for this run, the innermost last. */
  readonly #made: readonly string[];
  #journal: number | undefined;

  /** @param goOn keep the tape of the run that is there, and write the rest anew */
  constructor(folder: string, goOn = false) {
    this.folder = folder;
    this.#goOn = goOn;
    this.#made = writing(folder, () => {
      const made = makeFolder(folder);
      lockFolder(folder);
      return made;
    });
  }

  tape(): TapeWriter {
    this.#write(() => undefined);
    return new TapeWriter(join(this.folder, TAPE));
  }

  /** Where a finding's file will be. */
  findingPath(id: string): string {
    return join(this.folder, 'findings', `${id}.json`);
  }

  seam(line: SeamLine): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    this.#write((journal) => {
      let done = 0;
      while (done < bytes.length) done += writeSync(journal, bytes, done);
    });
  }

  finding(finding: Finding): void {
    this.#write(() => replaceFile(this.findingPath(finding.id), toJson(finding)));
  }

  /** A captured stream: one line a chunk, its time in milliseconds and its bytes in base64. */
  raw(id: string, capture: readonly RawChunk[]): void {
    if (capture.length === 0) return;
    const lines = capture.map(({ atMs, bytes }) =>
      JSON.stringify({
        atMs: Math.round(atMs * 100) / 100,
        base64: Buffer.from(bytes).toString('base64'),
      }),
    );
    this.#write(() => {
      makeOwnFolder(join(this.folder, 'raw'));
      replaceFile(join(this.folder, 'raw', `${id}.ndjson`), `${lines.join('\n')}\n`);
    });
  }

  /** Writes the record, closes the journal and gives the folder back. */
  finish(record: RunRecord): void {
    this.#write((journal) => {
      replaceFile(join(this.folder, 'run.json'), toJson(record));
      closeSync(journal);
      unlockFolder(this.folder);
    });
    linkLatest(this.folder);
  }

  /** Gives the folder of a run that never began back as it was. */
  leave(): void {
    if (this.#journal !== undefined) return;
    unlockFolder(this.folder);
    try {
      for (const made of this.#made.toReversed()) rmdirSync(made);
    } catch {
      // Something else was put there meanwhile.
    }
  }

  /** Writes to the run, which begins with the first that is written. */
  #write(write: (journal: number) => void): void {
    writing(this.folder, () => write(this.#begin()));
  }

  /** The open journal. What an earlier run wrote here is removed before. */
  #begin(): number {
    if (this.#journal !== undefined) return this.#journal;
    const journal = join(this.folder, 'seams.ndjson');
    if (this.#goOn || isThere(journal)) clear(this.folder, this.#goOn);
    makeOwnFolder(join(this.folder, 'findings'));
    this.#journal = newFile(journal);
    return this.#journal;
  }
}

/** Removes what an earlier run wrote here, so that two runs never mix. */
function clear(folder: string, goOn: boolean): void {
  if (!goOn) rmSync(join(folder, TAPE), { force: true });
  for (const name of ['findings', 'raw'])
    rmSync(join(folder, name), { recursive: true, force: true });
  rmSync(join(folder, 'run.json'), { force: true });
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Writes a file whole or not at all. */
function replaceFile(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, text, { flag: 'wx' });
  renameSync(temporary, path);
}

/** Opens a file that was not there: what lies at its place may be a link that leads elsewhere. */
function newFile(path: string): number {
  rmSync(path, { force: true });
  return openSync(path, 'wx');
}

/** Makes a folder inside of the run's own, in place of a link of that name. */
function makeOwnFolder(folder: string): void {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() === true) rmSync(folder);
  makeFolder(folder);
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * Makes a folder and its parents one by one: `recursive` never returns on some special file systems.
 *
 * @returns those that were not there, the innermost last
 */
function makeFolder(folder: string): string[] {
  if (existsSync(folder)) return [];
  const parent = dirname(folder);
  const made = parent === folder ? [] : makeFolder(parent);
  mkdirSync(folder);
  return [...made, folder];
}

/** Points `latest` beside the run at it; where links are not to be had there is none. */
function linkLatest(folder: string): void {
  const link = join(dirname(folder), 'latest');
  try {
    const old = lstatSync(link, { throwIfNoEntry: false });
    if (old !== undefined && !old.isSymbolicLink()) return;
    rmSync(link, { force: true });
    symlinkSync(basename(folder), link);
  } catch {
    // Windows without developer mode, or a folder of the user's that has this name.
  }
}

function writing<T>(folder: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (error instanceof SeamstressError) throw error;
    throw new SeamstressError('output', `cannot write to ${folder}: ${messageOf(error)}`, {
      hint: 'Give another folder with --out.',
      cause: error,
    });
  }
}
