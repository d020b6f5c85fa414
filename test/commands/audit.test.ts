/** `seamstress audit` as a command, against small clients that are right and wrong in known ways. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AuditCheckName } from '../../src/audit/checks/check.ts';
import { INTERRUPTION_NAMES } from '../../src/audit/plan.ts';
import {
  auditSchema,
  requestLineSchema,
  type AuditRecord,
  type RequestLine,
} from '../../src/audit/record.ts';
import { expectClear, seamstress, start, temporaryFolder, until } from './cli.test-help.ts';

const cwd = temporaryFolder();
const CLIENTS = join(import.meta.dirname, '../clients');

interface Audited {
  readonly status: number | null;
  readonly record: AuditRecord;
  readonly requests: readonly RequestLine[];
  readonly files: string;
}

let audits = 0;

async function audit(client: readonly string[], ...args: string[]): Promise<Audited> {
  const out = `audit-${audits++}`;
  const ended = await seamstress(['audit', ...args, '--json', '--out', out, '--', ...client], {
    cwd,
  });
  if (ended.stdout === '') throw new Error(`no record; ${ended.stderr}`);
  const file = readFileSync(join(cwd, out, 'audit.json'), 'utf8');
  const lines = readFileSync(join(cwd, out, 'requests.ndjson'), 'utf8');
  const record = auditSchema.parse(JSON.parse(ended.stdout));
  expect(auditSchema.parse(JSON.parse(file))).toEqual(record);
  const requests = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => requestLineSchema.parse(JSON.parse(line)));
  expect(requests).toHaveLength(record.trials.reduce((sum, trial) => sum + trial.requests, 0));
  return { status: ended.status, record, requests, files: file + lines };
}

const node = (client: string): string[] => [process.execPath, join(CLIENTS, `${client}.mjs`)];

/** Trials in which a check has this verdict. */
function trialsWith({ trials }: AuditRecord, name: AuditCheckName, verdict: string): string[] {
  return trials
    .filter(({ checks }) => checks.some((one) => one.check === name && one.verdict === verdict))
    .map((trial) => trial.name);
}

/** Trials in which this client holds content when it is interrupted. */
const SPOKEN = ['mid-content', 'prefill-refused', 'stall', 'error-event', 'no-done'];
/** And those in which it holds a thought alone. */
const THOUGHT = ['mid-thought', 'after-thought', 'thinking-only'];

/** Enough of the plan for clients that are wrong in what they send back. */
const SOME = ['mid-thought', 'thinking-only', 'mid-content', 'no-done', 'reset'];

function findings({ findings: list }: AuditRecord): Record<string, readonly string[]> {
  return Object.fromEntries(list.map(({ id, trials }) => [id, trials.toSorted()]));
}

const sorted = (...names: readonly string[]): string[] => names.toSorted();

describe('a correct client', () => {
  test('is found correct in every interruption, and every check sees something', async () => {
    const { status, record, requests, files } = await audit(node('correct'));
    expect(status).toBe(0);
    expect(record).toMatchObject({ findings: [], notTested: [], problems: [], interrupted: false });
    expect(record.trials.map(({ name }) => name)).toEqual(['control', ...INTERRUPTION_NAMES]);
    expect(record.trials.every(({ made, name }) => made === (name !== 'control'))).toBe(true);
    for (const [name, row] of Object.entries(record.checks)) {
      expect([name, row.fail]).toEqual([name, 0]);
      expect([name, row.pass > 0]).toEqual([name, true]);
      expect(row.pass + row['not-seen']).toBe(record.trials.length);
    }
    // The whitespace check saw whitespace, and the resumes are real ones.
    expect(trialsWith(record, 'edge-whitespace', 'pass')).toEqual(
      expect.arrayContaining([...SPOKEN, ...THOUGHT]),
    );
    const resumed = requests.find(({ trial, n }) => trial === 'mid-content' && n === 1);
    const broken = requests.find(({ trial, n }) => trial === 'mid-content' && n === 0);
    expect(resumed?.request['messages']).toEqual([
      { role: 'user', content: 'Write a Go function find_max over xs.' },
      {
        role: 'assistant',
        content: broken?.delivered.content,
        reasoning_content: broken?.delivered.reasoning,
      },
    ]);
    expect(files).not.toMatch(/sk-audit-/);
  });

  test('may print something for people, too', async () => {
    const ended = await seamstress(
      ['audit', '--plan', 'mid-content', '--out', 'plain', '--', ...node('correct')],
      { cwd },
    );
    expect(ended.status).toBe(0);
    expect(ended.stdout).toContain('the connection is closed in the middle of the content');
    expect(ended.stdout).toContain('no findings');
    expect(ended.stdout).toContain('audit.json');
  });
});

describe('a client that', () => {
  test('trims is told so, wherever it had whitespace to trim', async () => {
    const { status, record } = await audit(node('trims'), '--plan', SOME.join());
    expect(status).toBe(1);
    expect(findings(record)).toEqual({
      'client-trims-whitespace': sorted('mid-thought', 'thinking-only', 'mid-content', 'no-done'),
    });
    expect(record.findings[0]).toMatchObject({
      culprit: 'client',
      checks: ['prefill-whole', 'edge-whitespace'],
      example: { trial: 'mid-thought', texts: { held: expect.stringMatching(/\n$/) as string } },
    });
  });

  test('drops the reasoning is told so; a message that is empty without it is empty', async () => {
    const { status, record } = await audit(node('drops-reasoning'), '--plan', SOME.join());
    expect(status).toBe(1);
    expect(findings(record)).toEqual({
      'client-drops-reasoning': sorted('mid-content', 'no-done'),
      'client-sends-empty': sorted('mid-thought', 'thinking-only'),
    });
  });

  test('misnames the reasoning is told so', async () => {
    const plan = ['--plan', 'mid-thought,mid-content,reset'];
    const { status, record } = await audit(node('misnames-reasoning'), ...plan);
    expect(status).toBe(1);
    expect(findings(record)).toEqual({
      'reasoning-misnamed': sorted('mid-thought', 'mid-content'),
    });
  });

  test('sends an empty assistant message is told so', async () => {
    const plan = ['--plan', 'mid-thought,mid-content,reset,rate-limited'];
    const { status, record } = await audit(node('sends-empty'), ...plan);
    expect(status).toBe(1);
    expect(findings(record)).toEqual({
      'client-sends-empty': sorted('mid-thought', 'mid-content'),
    });
    expect(trialsWith(record, 'resumes', 'pass')).toEqual(['reset', 'rate-limited']);
  });

  test('sends text twice is told so', async () => {
    const plan = ['--plan', 'mid-thought,mid-content,error-event'];
    const { status, record } = await audit(node('duplicates'), ...plan);
    expect(status).toBe(1);
    expect(findings(record)).toEqual({ 'no-duplicates': sorted('mid-content', 'error-event') });
  });

  test('takes a broken stream for a finished one is told so, in every way of breaking', async () => {
    const { status, record } = await audit(node('takes-break-for-finish'));
    expect(status).toBe(1);
    const ways = [...SPOKEN, ...THOUGHT, 'mid-tool-call', 'reset'];
    expect(findings(record)).toEqual({ 'break-noticed': sorted(...ways) });
    expect(trialsWith(record, 'complete-accepted', 'pass')).toEqual(['done-missing']);
  });

  test('starts over is told so where it is held to resume, and shows the text twice', async () => {
    const plan = ['--plan', 'mid-thought,mid-content,reset'];
    const held = await audit(node('starts-over'), ...plan);
    expect(held.status).toBe(1);
    expect(findings(held.record)).toEqual({
      'client-drops-message': sorted('mid-thought', 'mid-content'),
      'no-duplicates': ['mid-content'],
    });
    const lenient = await audit(
      node('starts-over'),
      '--plan',
      'mid-thought',
      '--expect',
      'recover',
    );
    expect(lenient.status).toBe(0);
  });
});

/** An audit of a client that is one line of JavaScript. */
function run(code: string, ...args: string[]): Promise<Audited> {
  return audit([process.execPath, '-e', code], ...args);
}

describe('an audit that shows nothing is never clean', () => {
  test.each([
    ['never asks', '', /never asked/],
    ['crashes', "console.error('boom \\u001b[31m'); process.exit(9)", /never asked.*status 9/],
    [
      'fails without any interruption',
      'fetch(process.env.OPENAI_BASE_URL + "/chat/completions", {method: "POST", body: JSON.stringify({messages: [{role: "user", content: "Hi."}]})}).then(() => process.exit(4))',
      /fails without any interruption.*status 4/,
    ],
  ] as const)('a client that %s', async (_, code, problem) => {
    const { status, record } = await run(code);
    expect(status).toBe(3);
    expect(record.problems).toEqual([expect.stringMatching(problem)]);
    expect(record.trials).toHaveLength(1);
  });

  test('a client that hangs is ended, with what it started', async () => {
    const { status, record } = await run(
      `require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 600000)'], {detached: true, stdio: 'ignore'}).unref(); setTimeout(() => {}, 600000)`,
      '--timeout',
      '2s',
    );
    expect(status).toBe(3);
    expect(record.problems).toEqual([expect.stringMatching(/before its time was over/)]);
    expect(record.trials[0]?.commands).toMatchObject([{ ended: 'timeout', status: null }]);
  });

  test('a program that is not there', async () => {
    const { status, record } = await audit(['./no-such-program']);
    expect(status).toBe(3);
    expect(record.problems[0]).toMatch(/cannot be started: .*ENOENT/);
  });

  test('a trial that was asked for by name and could not be made', async () => {
    const unstreamed = join(cwd, 'unstreamed.mjs');
    writeFileSync(
      unstreamed,
      `const answer = await fetch(process.env.OPENAI_BASE_URL + '/chat/completions', {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify({messages: [{role: 'user', content: process.env.SEAMSTRESS_AUDIT_PROMPT}]})});
       console.log((await answer.json()).choices[0].message.content);`,
    );
    const client = [process.execPath, unstreamed];
    const { status, record } = await audit(client, '--plan', 'mid-content');
    expect(status).toBe(3);
    expect(record.notTested).toEqual([
      { what: 'mid-content', why: 'the client does not stream its answers' },
    ]);
  });

  test('Ctrl-C ends it with 130 and a record of what was done', async () => {
    const slow = ['--config', join(cwd, 'slow.yaml'), '--out', 'stopped'];
    writeFileSync(
      join(cwd, 'slow.yaml'),
      JSON.stringify({
        name: 'slow',
        client: { command: [process.execPath, '-e', 'setTimeout(() => {}, 600000)'] },
      }),
    );
    const running = start(['audit', ...slow], { cwd });
    await until(() => running.stderr().includes('control'), 'the client');
    running.child.kill('SIGINT');
    const ended = await running.ended;
    expect(ended.status).toBe(130);
    expect(existsSync(join(cwd, 'stopped/audit.json'))).toBe(true);
  });
});

describe('a configuration', () => {
  test('hands address and key over in files, and makes trials of its own', async () => {
    const file = join(cwd, 'own.yaml');
    writeFileSync(
      file,
      JSON.stringify({
        name: 'own',
        client: {
          command: [process.execPath, 'client.mjs', '{prompt}'],
          isolate: true,
          files: {
            'settings/server.json': '{"base": "{baseUrl}", "key": "{apiKey}"}',
            'client.mjs': `import { readFileSync } from 'node:fs';
              const { base, key } = JSON.parse(readFileSync('settings/server.json', 'utf8'));
              if (process.env.SECRET_OF_MINE !== undefined) process.exit(5);
              if (key !== process.env.OPENAI_API_KEY) process.exit(6);
              const messages = [{ role: 'user', content: process.argv[2] }];
              for (const last of [[], [{ role: 'assistant', content: 'No words of the model.' }]]) {
                const answer = await fetch(base + '/chat/completions', { method: 'POST',
                  headers: { authorization: 'Bearer ' + key, 'content-type': 'application/json' },
                  body: JSON.stringify({ stream: true, messages: [...messages, ...last] }) });
                console.log(await answer.text(), key, process.cwd());
              }`,
          },
        },
        prompt: 'Add 478 and 256.',
        trials: [{ name: 'own-words', interrupt: { refusePrefill: true } }],
      }),
    );
    const ended = await seamstress(['audit', '--config', file, '--json', '--out', 'own'], {
      cwd,
      env: { SECRET_OF_MINE: 'x' },
    });
    const record = auditSchema.parse(JSON.parse(ended.stdout));
    expect(ended.status).toBe(1);
    expect(['network', 'environment']).toContain(record.client.isolation);
    expect(findings(record)).toMatchObject({ 'own-prefill': ['control', 'own-words'] });
    const requests = readFileSync(join(cwd, 'own/requests.ndjson'), 'utf8');
    expect(requests).toContain('Add 478 and 256.');
    // Neither the key nor the place of the client's folder is in anything that is kept.
    expect(ended.stdout + requests).not.toMatch(/sk-audit-|seamstress-audit-/);
    expect(record.trials[0]?.commands[0]?.stdout).toContain('{apiKey} {folder}/work');
  });

  test.each([
    [['audit'], /no client/],
    [['audit', '--plan', 'mid-thoght', '--', 'x'], /mid-thoght/],
    [['audit', '--persona', 'nobody', '--', 'x'], /nobody/],
    [['audit', '--fault', 'nothing', '--', 'x'], /nothing/],
    [['audit', '--config', 'nowhere.yaml'], /nowhere\.yaml/],
    [['audit', '--expect', 'miracles', '--', 'x'], /miracles/],
  ] as const)('wrong usage ends with 2: %s', async (args, message) => {
    const ended = await seamstress(args, { cwd });
    expect(ended.status).toBe(2);
    expect(ended.stderr).toMatch(message);
    expectClear(ended.stderr.split('\n').slice(0, 3).join('\n'));
  });
});
