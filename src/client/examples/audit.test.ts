import { join } from 'node:path';
import { expect, test } from 'vitest';
import { auditClient, loadAuditConfig } from '../../index.ts';

// In its place: a client of yours. It finds base URL and key in the environment.
const CLIENTS = join(import.meta.dirname, '../../../test/clients');

test.each([
  ['correct.mjs', []],
  ['trims.mjs', ['client-trims-whitespace']],
])(
  '%s, interrupted in its thinking and in its answer',
  async (client, expected) => {
    const config = await loadAuditConfig(undefined, {
      command: [process.execPath, join(CLIENTS, client)],
      plan: ['mid-thought', 'mid-content', 'thinking-only'],
    });
    const { signal } = new AbortController();
    const record = await auditClient({ config, signal });

    expect(record.problems).toEqual([]); // the audit saw what it was to see
    expect(record.findings.map(({ id }) => id)).toEqual(expected);
  },
  120_000,
);
