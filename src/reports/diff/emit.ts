/** Where the reports of a diff go, and writing them. */
import { renameSync, writeFileSync } from 'node:fs';
import { messageOf, SeamstressError } from '../../errors.ts';
import { diffHtml } from './html.ts';
import { diffMarkdown } from './markdown.ts';
import { diffTerminal } from './terminal.ts';
import type { RunDiff } from './types.ts';

const WRITERS: Readonly<Record<DiffReportKind, (diff: RunDiff) => string>> = {
  markdown: diffMarkdown,
  html: diffHtml,
  json: (diff: RunDiff) => `${JSON.stringify(diff, undefined, 2)}\n`,
  terminal: diffTerminal,
};

type DiffReportKind = 'markdown' | 'html' | 'json' | 'terminal';

/** One report to write. */
export interface DiffReport {
  readonly kind: DiffReportKind;
  /** A file, or `-` for standard output. */
  readonly path: string;
}

/**
 * Reads `KIND=PATH`, several of them.
 *
 * @throws {SeamstressError} `usage` for an unknown kind, no path, or one path twice
 */
export function parseDiffReports(texts: readonly string[]): DiffReport[] {
  const specs = texts.map((text): DiffReport => {
    const [name = '', ...rest] = text.split('=');
    const path = rest.join('=');
    const kind = (Object.keys(WRITERS) as DiffReportKind[]).find((one) => one === name);
    if (kind === undefined || path === '')
      throw new SeamstressError('usage', `"${text}" is no report of a diff`, {
        hint: `Give KIND=PATH; kinds: ${Object.keys(WRITERS).join(', ')}.`,
      });
    return { kind, path };
  });
  const twice = specs.find(({ path }, i) => specs.findIndex((one) => one.path === path) < i);
  if (twice !== undefined)
    throw new SeamstressError('usage', `two reports would go to ${twice.path}`, {
      hint: 'Give each report a path of its own.',
    });
  return specs;
}

/** @throws {SeamstressError} `output` when a path cannot be written */
export function writeDiff(specs: readonly DiffReport[], diff: RunDiff): void {
  for (const { kind, path } of specs) {
    const text = WRITERS[kind](diff);
    if (path === '-') process.stdout.write(text);
    else writeText(path, text);
  }
}

/**
 * Writes a file whole or not at all.
 *
 * @throws {SeamstressError} `output`
 */
export function writeText(path: string, text: string): void {
  try {
    const temporary = `${path}.${process.pid}.tmp`;
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    throw new SeamstressError('output', `cannot write ${path}: ${messageOf(error)}`, {
      hint: 'Give another path.',
      cause: error,
    });
  }
}
