import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { githubAnnotations } from './github.ts';
import {
  example,
  hostileRecord,
  hostility,
  manyFindings,
  poisoned,
  poisonedHops,
  WORST,
} from '../hostile.test-help.ts';
import type { RunRecord } from '../record.ts';

const record = example('llama.cpp-b11549');
const LINE = /^::(error|warning|notice) title=([^:,]*)::(.*)$/;

/** Commands as the runner reads them: its property and data decoders. */
function read(text: string): { level: string; title: string; message: string }[] {
  expect(text.endsWith('\n')).toBe(true);
  return text
    .slice(0, -1)
    .split(/[\r\n\u0085\u2028\u2029]/)
    .map((line) => {
      const match = LINE.exec(line);
      if (match === null) throw new Error(`no command: ${line}`);
      const [, level = '', title = '', message = ''] = match;
      return { level, title: decoded(title), message: decoded(message) };
    });
}

function decoded(text: string): string {
  return text
    .replaceAll('%0D', '\r')
    .replaceAll('%0A', '\n')
    .replaceAll('%3A', ':')
    .replaceAll('%2C', ',')
    .replaceAll('%25', '%');
}

test('a real run has an annotation a finding and a notice', () => {
  const commands = read(githubAnnotations(record));
  expect(commands.map((command) => command.level)).toEqual([
    ...record.findings.map(() => 'error'),
    'notice',
  ]);
  expect(commands[0]?.title).toBe(
    'seamstress: llama.cpp b11549: diverged, template: separator-rebuilt',
  );
  expect(commands[0]?.message).toContain('504 seams');
  expect(commands[0]?.message).toContain('got “⏎”');
  expect(commands[0]?.message).toContain('seamstress replay ');
  expect(commands.at(-1)?.message).toBe('4 findings in 1,381 seams, 57.1 % exact.');
});

test('drift warns, and a run that ended early says so', () => {
  const drifting: RunRecord = {
    ...record,
    interrupted: 'max-time',
    findings: record.findings.slice(0, 1).map((finding) => ({ ...finding, verdict: 'drift' })),
  };
  const commands = read(githubAnnotations(drifting));
  expect(commands.map((command) => command.level)).toEqual(['warning', 'warning', 'notice']);
  expect(commands[1]?.message).toContain('time limit');
});

test('nothing in a record starts a command of its own', () => {
  fc.assert(
    fc.property(hostility, (drawn) => {
      const hostile = hostileRecord(drawn);
      const commands = read(githubAnnotations(hostile));
      // Findings, one way through a gateway, one error, the notice.
      expect(commands).toHaveLength(hostile.findings.length + 3);
    }),
    { numRuns: 60 },
  );
  expect(read(githubAnnotations(poisoned(record, () => WORST)))).toHaveLength(7);
});

test('a way that a gateway harmed is an error, within what GitHub shows', () => {
  const hops = poisonedHops(() => 'x');
  const { length } = read(githubAnnotations(record));
  const commands = read(githubAnnotations({ ...record, hops }));
  expect(commands).toHaveLength(length + 1);
  expect(commands[length - 1]).toMatchObject({
    level: 'error',
    title: 'seamstress: llama.cpp b11549 via x: flags-dropped',
  });
  expect(commands[length - 1]?.message).toContain('2 resumes by x, x.');
  const [verdict] = hops.verdicts;
  if (verdict === undefined) throw new Error('no verdict');
  const many = { ...hops, verdicts: Array.from({ length: 30 }, () => verdict) };
  const most = read(githubAnnotations({ ...record, hops: many }));
  expect(most.filter(({ level }) => level === 'error')).toHaveLength(10);
  expect(most.at(-1)?.message).toContain('24 more findings without an annotation');
});

test('more than GitHub shows are counted', () => {
  const commands = read(githubAnnotations(manyFindings(record, 50)));
  expect(commands).toHaveLength(11);
  expect(commands.at(-1)?.message).toContain('40 more findings without an annotation');
});
