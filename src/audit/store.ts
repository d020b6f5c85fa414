/** The folder of an audit: `audit.json` and `requests.ndjson`. */
import { mkdirSync, renameSync, rmSync, writeFileSync, appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, SeamstressError } from '../errors.ts';
import type { AuditRecord, RequestLine } from './record.ts';

/**
 * Writes an audit. Requests are written after each trial, the record when the audit ends.
 *
 * @throws {SeamstressError} `output` from every method when the folder cannot be written
 */
export class AuditStore {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    this.#writing(() => {
      mkdirSync(folder, { recursive: true });
      rmSync(join(folder, 'audit.json'), { force: true });
      writeFileSync(join(folder, 'requests.ndjson'), '');
    });
  }

  requests(lines: readonly RequestLine[]): void {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    this.#writing(() => appendFileSync(join(this.folder, 'requests.ndjson'), text));
  }

  finish(record: AuditRecord): void {
    const path = join(this.folder, 'audit.json');
    this.#writing(() => {
      writeFileSync(`${path}.tmp`, `${JSON.stringify(record, undefined, 2)}\n`);
      renameSync(`${path}.tmp`, path);
    });
  }

  #writing(write: () => void): void {
    try {
      write();
    } catch (error) {
      throw new SeamstressError('output', `cannot write to ${this.folder}: ${messageOf(error)}`, {
        hint: 'Give another folder with --out.',
        cause: error,
      });
    }
  }
}
