/** A folder of runs over nights and versions: one row an engine, its runs oldest first. */
import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, SeamstressError } from '../../errors.ts';
import { conclusive } from '../matrix.ts';
import { readRun } from '../emit/source.ts';
import type { RunRecord, VerdictCounts } from '../record.ts';

/** One run, as a history draws it. */
export interface HistoryRun {
  /** Relative to the folder of the history. */
  readonly folder: string;
  readonly startedAt: string;
  readonly version: string | undefined;
  readonly build: string | undefined;
  readonly interrupted: RunRecord['interrupted'];
  readonly verdicts: VerdictCounts;
  /** Share of the seams with a verdict that are exact, 0 to 1; undefined where there are none. */
  readonly exact: number | undefined;
  /** Ids of its findings, with how many seams each has. */
  readonly findings: Readonly<Record<string, number>>;
}

/** All runs of one engine, with its hops and its model. */
export interface HistoryRow {
  readonly engine: string;
  readonly model: string;
  /** Oldest first. */
  readonly runs: readonly HistoryRun[];
  /** Every finding of any of them, the one seen last first. */
  readonly findings: readonly { readonly id: string; readonly cause: string }[];
}

export interface History {
  readonly schemaVersion: 1;
  readonly kind: 'history';
  readonly folder: string;
  readonly rows: readonly HistoryRow[];
  /** What is no run, and why. */
  readonly skipped: readonly { readonly folder: string; readonly why: string }[];
}

/** Folders inside one another that are looked into. */
const DEPTH = 3;

/**
 * Reads all runs below a folder; one that cannot be read is skipped and named.
 *
 * @throws {SeamstressError} `config` when it is no folder, or holds no run at all
 */
export function readHistory(folder: string): History {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new SeamstressError('config', `${folder} is not a folder`, {
      hint: 'Give a folder of runs, such as reports.',
    });
  const skipped: { folder: string; why: string }[] = [];
  const rows = new Map<string, { engine: string; model: string; runs: HistoryRun[] }>();
  for (const path of runsBelow(folder, '', DEPTH, skipped)) {
    try {
      const { record } = readRun(join(folder, path));
      const { engine, hops, model } = record.target;
      const name = [engine.name, ...hops.map((hop) => `via ${hop}`)].join(' ');
      const key = `${name}\u0000${model}`;
      const row = rows.get(key) ?? { engine: name, model, runs: [] };
      rows.set(key, row);
      row.runs.push(runOf(path, record));
    } catch (error) {
      skipped.push({ folder: path, why: messageOf(error) });
    }
  }
  if (rows.size === 0)
    throw new SeamstressError('config', `there is no run in ${folder}`, {
      hint:
        skipped[0] === undefined
          ? 'Give a folder of runs, such as reports.'
          : `${skipped[0].folder}: ${skipped[0].why}`,
    });
  return {
    schemaVersion: 1,
    kind: 'history',
    folder,
    rows: [...rows.values()]
      .map(({ engine, model, runs }) => rowOf(engine, model, runs))
      .toSorted((a, b) => (a.engine + a.model < b.engine + b.model ? -1 : 1)),
    skipped,
  };
}

/** Folders with a `run.json`, itself included; links, such as `latest`, would count a run twice. */
function runsBelow(
  root: string,
  path: string,
  depth: number,
  skipped: { folder: string; why: string }[],
): string[] {
  const here = join(root, path);
  if (existsSync(join(here, 'run.json'))) return [path === '' ? '.' : path];
  if (existsSync(join(here, 'bisect.json'))) {
    skipped.push({ folder: path, why: 'the builds of a bisection' });
    return [];
  }
  const folders = readdirSync(here)
    .toSorted()
    .filter((name) => !name.startsWith('.') && isFolder(join(here, name)));
  const runs =
    depth === 0
      ? []
      : folders.flatMap((name) => runsBelow(root, join(path, name), depth - 1, skipped));
  const inside = skipped.some((one) => one.folder.startsWith(join(path, '/')));
  if (runs.length === 0 && path !== '' && !inside)
    skipped.push({
      folder: path,
      why: existsSync(join(here, 'seams.ndjson'))
        ? 'a run that has not ended: it has no run.json'
        : 'no run.json',
    });
  return runs;
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function runOf(folder: string, record: RunRecord): HistoryRun {
  const { verdicts } = record.totals;
  const judged = conclusive(verdicts);
  return {
    folder,
    startedAt: record.startedAt,
    version: record.target.engine.version,
    build: record.target.engine.build,
    interrupted: record.interrupted,
    verdicts,
    exact: judged === 0 ? undefined : verdicts.exact / judged,
    findings: Object.fromEntries(record.findings.map(({ id, count }) => [id, count])),
  };
}

function rowOf(engine: string, model: string, unsorted: readonly HistoryRun[]): HistoryRow {
  const runs = unsorted.toSorted((a, b) =>
    a.startedAt === b.startedAt
      ? a.folder < b.folder
        ? -1
        : 1
      : a.startedAt < b.startedAt
        ? -1
        : 1,
  );
  const lastSeen = new Map<string, number>();
  for (const [i, run] of runs.entries())
    for (const id of Object.keys(run.findings)) lastSeen.set(id, i);
  return {
    engine,
    model,
    runs,
    findings: [...lastSeen]
      .toSorted(([a, i], [b, j]) => j - i || (a < b ? -1 : 1))
      // An id is its cause, a dash and six digits.
      .map(([id]) => ({ id, cause: id.slice(0, -7) })),
  };
}
