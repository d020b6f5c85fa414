/** The real opencode, from the npm registry, audited by the built-in configuration. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditCheckName, AuditVerdict } from '../../src/audit/checks/check.ts';
import {
  auditSchema,
  requestLineSchema,
  type AuditRecord,
  type RequestLine,
} from '../../src/audit/record.ts';
import { cacheFolder } from '../../src/engines/cache.ts';
import { seamstress, type Ended } from '../commands/cli.test-help.ts';

const cwd = mkdtempSync(join(tmpdir(), 'seamstress-opencode-'));
afterAll(() => rm(cwd, { recursive: true, force: true }));

let ended: Ended;
let record: AuditRecord;
let requests: readonly RequestLine[];

beforeAll(async () => {
  ended = await seamstress(['audit', '--config', 'opencode', '--json', '--out', 'audit'], {
    cwd,
    timeoutMs: 840_000,
  });
  record = auditSchema.parse(JSON.parse(ended.stdout));
  requests = readFileSync(join(cwd, 'audit/requests.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => requestLineSchema.parse(JSON.parse(line)));
});

function verdict(trial: string, check: AuditCheckName): AuditVerdict | undefined {
  return record.trials.find(({ name }) => name === trial)?.checks.find((one) => one.check === check)
    ?.verdict;
}

/** The messages of a request without the system's, as role and content. */
function messagesOf(trial: string, n: number): { role: string; content: string }[] {
  const line = requests.find((one) => one.trial === trial && one.n === n);
  const messages = line?.request['messages'] as { role: string; content: string }[] | undefined;
  return (messages ?? []).filter(({ role }) => role !== 'system');
}

describe('opencode 1.18.33', () => {
  test('is audited to the end, and has findings', () => {
    expect(ended.status).toBe(1);
    expect(record).toMatchObject({
      client: { package: 'opencode-ai', version: '1.18.33' },
      interrupted: false,
      problems: [],
      notTested: [],
    });
    if (process.platform === 'linux')
      expect(['network', 'environment']).toContain(record.client.isolation);
  });

  test('ends its request with words of its own when the step limit is reached (issue 27920)', () => {
    expect(verdict('step-limit', 'own-prefill')).toBe('fail');
    expect(messagesOf('step-limit', 1).map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
    ]);
    expect(messagesOf('step-limit', 1).at(-1)?.content).toMatch(/^CRITICAL - MAXIMUM STEPS/);
  });

  test('gives up when the server refuses that message', () => {
    expect(verdict('step-limit', 'refusal-handled')).toBe('fail');
    const last = requests.findLast(({ trial }) => trial === 'step-limit');
    expect(last).toMatchObject({ end: 'refused', status: 400 });
  });

  test('puts it behind what the model wrote: two assistant messages at the end', () => {
    expect(verdict('step-limit-closed', 'roles-alternate')).toBe('fail');
    const roles = messagesOf('step-limit-closed', 1).map(({ role }) => role);
    expect(roles.slice(-2)).toEqual(['assistant', 'assistant']);
  });

  test('takes a thought without content for an answer', () => {
    expect(verdict('thinking-only', 'break-noticed')).toBe('fail');
  });

  test('starts over after a reset, keeps Retry-After, and accepts an answer without [DONE]', () => {
    for (const trial of ['mid-thought', 'after-thought', 'mid-content', 'reset', 'error-event']) {
      expect([trial, verdict(trial, 'resumes')]).toEqual([trial, 'pass']);
      expect(messagesOf(trial, 1)).toEqual(messagesOf(trial, 0));
    }
    expect(verdict('rate-limited', 'retry-after-kept')).toBe('pass');
    expect(verdict('done-missing', 'complete-accepted')).toBe('pass');
  });

  test('resumes exactly, reasoning included, where a stream ends early but in good order', () => {
    for (const trial of ['no-done', 'thought-closed'])
      for (const check of ['resumes', 'prefill-whole', 'reasoning-kept', 'answer-whole'] as const)
        expect([trial, check, verdict(trial, check)]).toEqual([trial, check, 'pass']);
  });

  test('its record names no key and no place on this machine', () => {
    const kept = ended.stdout + readFileSync(join(cwd, 'audit/requests.ndjson'), 'utf8');
    for (const secret of ['sk-audit-', cacheFolder(), tmpdir(), homedir()])
      expect(kept.includes(secret)).toBe(false);
  });
});
