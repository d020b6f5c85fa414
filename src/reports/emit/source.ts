/** A run as it was stored: the record, its journal, and its captured streams, each read within limits. */
import { closeSync, fstatSync, lstatSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { messageOf, SeamstressError } from '../../errors.ts';
import { jsonTrouble, parseJson } from '../../parse-json.ts';
import { readWithin } from '../../read-file.ts';
import { SeamMap } from '../html/seam-map.ts';
import type { CapturedChunk } from '../html/timeline.ts';
import {
  findingSchema,
  readRecord,
  runSchema,
  seamLineSchema,
  type Finding,
  type RunRecord,
  type SeamLine,
} from '../record.ts';

const MIB = 1024 * 1024;

/** Largest `run.json` that is read, in bytes. */
export const LARGEST_RECORD: number = 64 * MIB;

/** Largest captured stream that is read. */
const LARGEST_CAPTURE = 2 * MIB;

/** Longest line of a journal, and most lines of it. */
const LONGEST_LINE = MIB;
const MOST_LINES = 2_000_000;

export interface StoredRun {
  readonly record: RunRecord;
  readonly folder: string;
}

/**
 * Reads a stored run.
 *
 * @param path a run's folder, or its `run.json`
 * @throws {SeamstressError} `config` when it is missing, too large, from a newer tool, or no record
 */
export function readRun(path: string): StoredRun {
  const file = isFolder(path) ? join(path, 'run.json') : path;
  return {
    record: readRecord(runSchema, jsonIn(file, 'Give the folder of a run, or its run.json.'), file),
    folder: dirname(file),
  };
}

/**
 * Reads the file of a finding.
 *
 * @throws {SeamstressError} `config` when it is missing, too large, from a newer tool, or no finding
 */
export function readFinding(file: string): Finding {
  return readRecord(findingSchema, jsonIn(file, 'Give a file of a run’s findings folder.'), file);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function jsonIn(file: string, hint: string): unknown {
  const bytes = readWithin(file, { most: LARGEST_RECORD, what: 'a record', hint });
  try {
    return parseJson(bytes.toString('utf8'));
  } catch (error) {
    throw new SeamstressError('config', `cannot read ${file}: ${messageOf(error)}`, {
      hint,
      cause: error,
    });
  }
}

/**
 * The lines of a run's journal. A last line without its line break is left out: the run was
 * stopped while it wrote it.
 *
 * @throws {SeamstressError} `config` at a line that is none, or when there is no end to them
 */
export function* journalOf(folder: string): Generator<SeamLine> {
  const file = join(folder, 'seams.ndjson');
  let number = 0;
  for (const line of journalLines(folder)) {
    number++;
    let value: unknown;
    try {
      value = parseJson(line);
    } catch (error) {
      const what = jsonTrouble(line) ?? 'no JSON';
      throw new SeamstressError('config', `${file}: line ${number} is ${what}`, { cause: error });
    }
    yield readRecord(seamLineSchema, value, `${file}: line ${number}`);
  }
}

/**
 * The whole lines of a run's journal as they are; none where there is no journal.
 *
 * @throws {SeamstressError} `config` when there is no end to them
 */
export function* journalLines(folder: string): Generator<string> {
  const file = join(folder, 'seams.ndjson');
  let handle: number | undefined;
  try {
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return;
    handle = openSync(file, 'r');
    if (!fstatSync(handle).isFile()) return;
    const decoder = new StringDecoder('utf8');
    const buffer = Buffer.alloc(MIB / 4);
    let rest = '';
    let count = 0;
    for (let read = readSync(handle, buffer); read > 0; read = readSync(handle, buffer)) {
      const lines = (rest + decoder.write(buffer.subarray(0, read))).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LONGEST_LINE || (count += lines.length) > MOST_LINES)
        throw new SeamstressError('config', `${file} is too large for a journal`, {
          hint: `A journal has at most ${MOST_LINES} lines of ${LONGEST_LINE} characters.`,
        });
      yield* lines;
    }
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

/** The journal as a map; what cannot be read of it is said in the note. */
export function seamMapOf(folder: string): { seams: SeamMap; note: string | undefined } {
  const seams = new SeamMap();
  try {
    for (const line of journalOf(folder)) seams.add(line);
  } catch (error) {
    return { seams, note: `The journal could not be read to its end: ${messageOf(error)}` };
  }
  return { seams, note: undefined };
}

/** A captured stream of a finding; empty where there is none that can be read. */
export function capturedIn(folder: string, id: string): CapturedChunk[] {
  const raw = join(folder, 'raw');
  const file = join(raw, `${id}.ndjson`);
  // A record that somebody else made may lead elsewhere.
  if (lstatSync(raw, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return [];
  try {
    return readWithin(file, { most: LARGEST_CAPTURE, what: 'a captured stream', hint: '' })
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map(chunkIn)
      .filter((chunk) => chunk !== undefined);
  } catch {
    return [];
  }
}

function chunkIn(line: string): CapturedChunk | undefined {
  const { atMs, base64 } = parseJson(line) as { atMs?: unknown; base64?: unknown };
  return typeof atMs === 'number' && Number.isFinite(atMs) && typeof base64 === 'string'
    ? { atMs, bytes: new Uint8Array(Buffer.from(base64, 'base64')) }
    : undefined;
}
