/** `--report KIND=PATH`: which report goes where, and writing it. */
import {
  accessSync,
  appendFileSync,
  closeSync,
  constants,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { SeamstressError } from '../../errors.ts';
import { eventLine, storedEvents } from './events.ts';
import { capturedIn, seamMapOf } from './source.ts';
import { githubAnnotations } from '../github/github.ts';
import { htmlReport } from '../html/html.ts';
import { junitReport } from '../junit/junit.ts';
import { COMMENT_BYTES, markdownReport, SUMMARY_BYTES } from '../markdown/markdown.ts';
import type { RunRecord } from '../record.ts';
import { hopsReport } from '../hops.ts';
import { terminalReport } from '../terminal/terminal.ts';
import { writeWhole, writing } from './writing.ts';

/** Every kind of report, and what it is for. */
export const REPORT_KINDS = {
  html: 'one self-contained page',
  markdown: 'a comment for a pull request, 65,536 characters at most',
  github: 'annotations for GitHub Actions, for standard output',
  summary: 'a job summary for GitHub Actions, under 1 MiB',
  junit: 'JUnit XML',
  json: 'the run record',
  ndjson: 'the run event by event, one JSON line each',
  terminal: 'the summary that a run prints',
} as const;

export type ReportKind = keyof typeof REPORT_KINDS;

/** One report to write. */
export interface ReportSpec {
  readonly kind: ReportKind;
  /** A file, or `-` for standard output. */
  readonly path: string;
}

/**
 * Reads `KIND=PATH`.
 *
 * @example parseReportSpec('html=out.html') // { kind: 'html', path: 'out.html' }
 * @throws {SeamstressError} `usage` for an unknown kind or a missing path
 */
export function parseReportSpec(text: string): ReportSpec {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  const path = at < 0 ? '' : text.slice(at + 1);
  const kind = (Object.keys(REPORT_KINDS) as ReportKind[]).find((known) => known === name);
  if (kind === undefined)
    throw new SeamstressError('usage', `there is no report "${name}"`, {
      hint: `Reports: ${Object.keys(REPORT_KINDS).join(', ')}. Give one as KIND=PATH.`,
    });
  if (path === '' || path.includes('\0'))
    throw new SeamstressError('usage', `--report ${kind} needs a path`, {
      hint: `Give it as ${kind}=PATH, or ${kind}=- for standard output.`,
    });
  return { kind, path };
}

/**
 * Several specs.
 *
 * @throws {SeamstressError} `usage` when two would go to the same place, too
 */
export function parseReportSpecs(texts: readonly string[]): ReportSpec[] {
  const specs = texts.map(parseReportSpec);
  const twice = specs.find(({ path }, i) => specs.findIndex((other) => other.path === path) < i);
  if (twice !== undefined)
    throw new SeamstressError(
      'usage',
      twice.path === '-'
        ? 'two reports would go to standard output'
        : `two reports would go to ${twice.path}`,
      { hint: 'Give each report a path of its own.' },
    );
  return specs;
}

/**
 * Tries whether a report could be written. What is no plain file, such as a pipe, is not touched.
 *
 * @throws {SeamstressError} `output` when its folder is not there or cannot be written
 */
export function requirePlace({ path }: Pick<ReportSpec, 'path'>): void {
  if (path === '-' || statSync(path, { throwIfNoEntry: false })?.isFile() === false) return;
  writing(path, () => accessSync(dirname(path), constants.W_OK));
}

/**
 * Writes each report: a file whole or not at all. The path of a job summary that GitHub gave
 * (`GITHUB_STEP_SUMMARY`) is appended to, as it must be.
 *
 * @param folder the run's folder, with its journal and captured streams
 * @throws {SeamstressError} `output` when a path cannot be written, `config` when the run is not whole
 */
export async function writeReports(
  specs: readonly ReportSpec[],
  record: RunRecord,
  folder: string,
): Promise<void> {
  for (const { kind, path } of specs) {
    const shared = kind === 'summary' && path === process.env['GITHUB_STEP_SUMMARY'];
    const before = shared ? (statSync(path, { throwIfNoEntry: false })?.size ?? 0) : 0;
    const pieces = reportOf(kind, record, folder, before);
    if (shared) writing(path, () => appendFileSync(path, [...pieces].join('')));
    else if (path === '-') await print(pieces);
    else replaceFile(path, pieces);
  }
}

/** A report in pieces, so that one line a seam need not fit in memory. */
function* reportOf(
  kind: ReportKind,
  record: RunRecord,
  folder: string,
  before: number,
): Generator<string> {
  switch (kind) {
    case 'html':
      yield htmlReport(record, { ...seamMapOf(folder), captured: (id) => capturedIn(folder, id) });
      return;
    case 'markdown':
      yield markdownReport(record, { bytes: COMMENT_BYTES, where: folder });
      return;
    case 'summary':
      yield markdownReport(record, {
        bytes: Math.max(2048, SUMMARY_BYTES - before - 1024),
        where: folder,
      });
      return;
    case 'github':
      yield githubAnnotations(record);
      return;
    case 'junit':
      yield junitReport(record);
      return;
    case 'json':
      yield jsonOf(record);
      return;
    case 'ndjson':
      for (const event of storedEvents({ record, folder })) yield eventLine(event);
      return;
    case 'terminal':
      yield terminalReport(record, folder);
      if (record.hops !== undefined) yield `\n${hopsReport(record.hops)}`;
      return;
  }
}

function jsonOf(record: RunRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`;
}

/** Writes beside the file first; something that is no file, such as a pipe, is written to directly. */
function replaceFile(path: string, pieces: Iterable<string>): void {
  const there = statSync(path, { throwIfNoEntry: false });
  const direct = there !== undefined && !there.isFile();
  const temporary = direct ? path : `${path}.${process.pid}.tmp`;
  const handle = writing(path, () => openSync(temporary, direct ? 'w' : 'wx'));
  try {
    for (const piece of pieces) writing(path, () => writeWhole(handle, piece));
    if (!direct) writing(path, () => renameSync(temporary, path));
  } catch (error) {
    if (!direct) rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(handle);
  }
}

/** Prints as fast as it is read; a reader that has read enough, such as `head`, is no error. */
async function print(pieces: Iterable<string>): Promise<void> {
  const { stdout } = process;
  let gone = false;
  const leave = (): void => {
    gone = true;
  };
  stdout.on('error', leave);
  try {
    for (const piece of pieces) {
      if (gone) return;
      await new Promise<void>((resolve) => {
        stdout.write(piece, () => resolve());
      });
    }
  } finally {
    // The error of a write that failed comes after its callback.
    setImmediate(() => stdout.off('error', leave));
  }
}
