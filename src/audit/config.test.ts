import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadAuditConfig } from './config.ts';
import { INTERRUPTION_NAMES } from './plan.ts';
import { fill } from './trial.ts';

const folder = mkdtempSync(join(tmpdir(), 'seamstress-audit-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(text: string): string {
  const file = join(folder, 'audit.yaml');
  writeFileSync(file, text);
  return file;
}

describe('a configuration', () => {
  test('of a bare command has every interruption, none of them promised', async () => {
    const config = await loadAuditConfig(undefined, {
      command: ['node', '/some/where/my client.mjs'],
    });
    expect(config.name).toBe('my-client.mjs');
    expect(config.trials.map(({ name }) => name)).toEqual(INTERRUPTION_NAMES);
    expect(config.trials.every(({ named }) => !named)).toBe(true);
    expect(config.expect).toBe('resume');
  });

  test('the built-in one for opencode is well-formed and pins its version', async () => {
    const config = await loadAuditConfig('opencode');
    expect(config.client.npm).toMatchObject({ package: 'opencode-ai', version: '1.18.33' });
    expect(config.client.isolate).toBe(true);
    const files = fill(config.client.files['opencode.json'] ?? '', {
      model: 'thinker',
      baseUrl: 'http://127.0.0.1:1/v1',
      apiKey: 'k',
    });
    expect(JSON.parse(files)).toMatchObject({ model: 'local/thinker' });
    const limit = config.trials.find(({ name }) => name === 'step-limit');
    expect(limit).toMatchObject({ interruption: { refusePrefill: true }, named: true });
  });

  test('the command line has the last word', async () => {
    const file = write(
      '{name: a, client: {command: [x], timeout: 5}, expect: notice, trials: [stall]}',
    );
    expect(await loadAuditConfig(file)).toMatchObject({
      expect: 'notice',
      client: { command: ['x'], timeoutMs: 5000 },
      trials: [{ name: 'stall' }],
    });
    const changes = {
      command: ['y'],
      plan: ['reset', 'no-done'],
      expect: 'recover',
      timeoutMs: 9,
    } as const;
    expect(await loadAuditConfig(file, changes)).toMatchObject({
      expect: 'recover',
      client: { command: ['y'], timeoutMs: 9 },
      trials: [{ name: 'reset' }, { name: 'no-done' }],
    });
  });

  test.each([
    ['{name: a, client: {command: [x]}, trial: []}', 'config', /trial/],
    ['{name: a, client: {command: [x], files: {../up: y}}}', 'config', /lie inside the client/],
    ['{name: a, client: {command: [x], files: {/etc/up: y}}}', 'config', /lie inside the client/],
    ['{name: a, client: {command: [x]}, trials: [mid-thougt]}', 'usage', /mid-thougt/],
    ['{name: a, client: {command: [x]}, trials: [stall, stall]}', 'config', /two trials/],
    [
      '{name: a, client: {command: [x]}, trials: [{name: t, interrupt: {at: content}}]}',
      'config',
      /only one/,
    ],
    ['{name: a, client: {npm: {package: p, version: latest, program: q}}}', 'config', /version/],
    ['{name: a, client: {command: [x], saysFailure: "("}}', 'config', /saysFailure/],
    ['{name: a, client: {}}', 'usage', /no client/],
    ['{name: [', 'config', /audit.yaml/],
  ] as const)('refuses %s', async (text, code, message) => {
    await expect(loadAuditConfig(write(text))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  test('a missing file names the built-in audits', async () => {
    await expect(loadAuditConfig('nowhere.yaml')).rejects.toMatchObject({
      code: 'config',
      hint: expect.stringContaining('opencode') as string,
    });
  });
});

test('only known names between braces are filled in', () => {
  expect(fill('{"a": "{apiKey}", "b": {}} {other} {toString}', { apiKey: 'k' })).toBe(
    '{"a": "k", "b": {}} {other} {toString}',
  );
});
