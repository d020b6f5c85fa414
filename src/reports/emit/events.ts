/**
 * A run as newline-delimited JSON: its events, one a line. A run that is going on and a stored one
 * give the same lines, so that whatever reads them need not know which it is.
 */
import { closeSync, openSync } from 'node:fs';
import type { RunEvent, RunListener } from '../../campaign/events.ts';
import { CAUSES } from '../../diagnosis/causes.ts';
import { journalOf, type StoredRun } from './source.ts';
import { writeWhole, writing } from './writing.ts';

/** One event as a line. The record holds the findings already; they are not told twice. */
export function eventLine(event: RunEvent): string {
  const told = event.kind === 'finished' ? { kind: event.kind, record: event.record } : event;
  return `${JSON.stringify(told)}\n`;
}

/** The events of a stored run, without those that the record does not keep. */
export function* storedEvents({ record, folder }: StoredRun): Generator<RunEvent> {
  yield { kind: 'started', target: record.target, scenarios: record.plan.scenarios.length };
  yield { kind: 'planned', seams: record.plan.seams };
  for (const line of journalOf(folder)) yield { kind: 'seam', line };
  for (const { id, cause } of record.findings)
    yield { kind: 'finding', id, title: CAUSES[cause].title };
  yield { kind: 'finished', record, findings: record.findings };
}

/** Where events go as they happen. */
export interface EventSink {
  readonly listener: RunListener;
  /** Ends the file; events after it are dropped. */
  close(): void;
}

/**
 * Writes events to a file as they happen.
 *
 * @param path a file, or `-` for standard output
 * @throws {SeamstressError} `output` when it cannot be written
 */
export function eventSink(path: string): EventSink {
  let handle: number | undefined = path === '-' ? 1 : writing(path, () => openSync(path, 'w'));
  return {
    listener: (event) => {
      const to = handle;
      if (to !== undefined) writing(path, () => writeWhole(to, eventLine(event)));
    },
    close: () => {
      if (handle !== undefined && handle !== 1) closeSync(handle);
      handle = undefined;
    },
  };
}
