import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { RunEvent } from '../../campaign/events.ts';
import { eventLine, eventSink, storedEvents } from './events.ts';
import { capturedIn, journalOf, LARGEST_RECORD, readRun, seamMapOf } from './source.ts';
import { parseReportSpec, parseReportSpecs, REPORT_KINDS, writeReports } from './emit.ts';
import { example, EXAMPLES, hostileRecord, hostility } from '../hostile.test-help.ts';
import { runSchema } from '../record.ts';

const home = mkdtempSync(join(tmpdir(), 'seamstress-emit-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

const run = join(EXAMPLES, 'llama.cpp-b8929');
let counted = 0;

/** A new empty folder. */
function folder(): string {
  const path = join(home, String(counted++));
  mkdirSync(path);
  return path;
}

/** A copy of a real run that may be spoilt. */
function copy(): string {
  const path = folder();
  cpSync(run, path, { recursive: true });
  return path;
}

describe('a spec', () => {
  test('is a kind and a path, and the path may be anything', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(REPORT_KINDS) as (keyof typeof REPORT_KINDS)[])),
        fc.string({ minLength: 1 }).filter((path) => !path.includes('\0')),
        (kind, path) => {
          expect(parseReportSpec(`${kind}=${path}`)).toEqual({ kind, path });
        },
      ),
    );
  });

  test.each([
    ['pdf=x', 'there is no report "pdf"'],
    ['=x', 'there is no report ""'],
    ['__proto__=x', 'there is no report "__proto__"'],
    ['html', 'needs a path'],
    ['html=', 'needs a path'],
  ])('%s is refused', (text, message) => {
    expect(() => parseReportSpec(text)).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => parseReportSpec(text)).toThrow(message);
  });

  test('an unknown kind is answered with those that there are', () => {
    try {
      parseReportSpec('pdf=x');
      expect.unreachable();
    } catch (error) {
      for (const kind of Object.keys(REPORT_KINDS))
        expect((error as { hint: string }).hint).toContain(kind);
    }
  });

  test('two reports cannot go to one place', () => {
    expect(() => parseReportSpecs(['html=-', 'json=-'])).toThrow('standard output');
    expect(() => parseReportSpecs(['html=a', 'json=a'])).toThrow('two reports would go to a');
  });
});

describe('writing', () => {
  const { record } = readRun(run);

  test('every kind gives its own report', async () => {
    const out = folder();
    const kinds = Object.keys(REPORT_KINDS);
    await writeReports(
      parseReportSpecs(kinds.map((kind) => `${kind}=${join(out, kind)}`)),
      record,
      run,
    );
    expect(readdirSync(out).toSorted()).toEqual(kinds.toSorted());
    const text = (kind: string): string => readFileSync(join(out, kind), 'utf8');
    expect(text('html')).toMatch(/^<!doctype html>/);
    expect(text('html')).toContain('The captured stream');
    expect(text('html')).toContain('Where along the generation');
    expect(text('markdown')).toMatch(/^<!-- seamstress:/);
    expect(text('summary')).toMatch(/^<!-- seamstress:/);
    expect(text('github')).toMatch(/^::error /);
    expect(text('junit')).toMatch(/^<\?xml /);
    expect(text('terminal')).toContain('2 findings');
    expect(runSchema.parse(JSON.parse(text('json')))).toEqual(record);
  });

  test('replaces a file whole, and leaves nothing beside it when it fails', async () => {
    const out = folder();
    const path = join(out, 'report');
    writeFileSync(path, 'before');
    const broken = copy();
    appendFileSync(join(broken, 'seams.ndjson'), 'no JSON\n');
    await expect(writeReports([{ kind: 'ndjson', path }], record, broken)).rejects.toThrow(
      /line 1382 is no JSON/,
    );
    expect(readFileSync(path, 'utf8')).toBe('before');
    expect(readdirSync(out)).toEqual(['report']);
    await writeReports([{ kind: 'ndjson', path }], record, run);
    expect(readFileSync(path, 'utf8')).toMatch(/^\{"kind":"started"/);
    expect(readdirSync(out)).toEqual(['report']);
  });

  test('a path that cannot be written is a clear error', async () => {
    const path = join(folder(), 'missing', 'report');
    await expect(writeReports([{ kind: 'json', path }], record, run)).rejects.toMatchObject({
      code: 'output',
    });
  });

  test('a job summary is added to what other steps wrote, and stays within its limit', async () => {
    const path = join(folder(), 'summary.md');
    writeFileSync(path, `${'x'.repeat(1024 * 1024 - 20_000)}\n`);
    vi.stubEnv('GITHUB_STEP_SUMMARY', path);
    await writeReports([{ kind: 'summary', path }], record, run);
    const text = readFileSync(path, 'utf8');
    expect(text.startsWith('xxx')).toBe(true);
    expect(text).toContain('<!-- seamstress:');
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1024 * 1024);
  });
});

describe('events', () => {
  const { record } = readRun(run);

  test('of a stored run are those of a run that goes on', () => {
    const live: RunEvent[] = [
      { kind: 'started', target: record.target, scenarios: record.plan.scenarios.length },
      { kind: 'planned', seams: record.plan.seams },
      ...[...journalOf(run)].map((line): RunEvent => ({ kind: 'seam', line })),
    ];
    const path = join(folder(), 'events.ndjson');
    const sink = eventSink(path);
    for (const event of live) sink.listener(event);
    sink.listener({ kind: 'finished', record, findings: record.findings });
    sink.close();
    sink.listener({ kind: 'note', text: 'too late' });
    const stored = [...storedEvents({ record, folder: run })].map(eventLine);
    const written = readFileSync(path, 'utf8').split(/(?<=\n)/);
    expect(written).toEqual(stored.filter((line) => !line.startsWith('{"kind":"finding"')));
    expect(stored.filter((line) => line.startsWith('{"kind":"finding"'))).toHaveLength(
      record.findings.length,
    );
    expect(stored.filter((line) => line.startsWith('{"kind":"seam"'))).toHaveLength(
      record.totals.seams,
    );
  });

  test('are one line each, whatever they hold', () => {
    fc.assert(
      fc.property(hostility, (drawn) => {
        const hostile = hostileRecord(drawn);
        const line = eventLine({ kind: 'finished', record: hostile, findings: hostile.findings });
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect((JSON.parse(line) as { record: unknown }).record).toEqual(
          JSON.parse(JSON.stringify(hostile)),
        );
      }),
      { numRuns: 20 },
    );
  });
});

describe('reading a stored run', () => {
  test('takes a folder or its run.json, of an older version too', () => {
    expect(readRun(run)).toEqual(readRun(join(run, 'run.json')));
    expect(readRun(run).record).toMatchObject({ schemaVersion: 1, cache: [] });
  });

  test('refuses a record that is too large, without reading it', () => {
    const path = copy();
    truncateSync(join(path, 'run.json'), LARGEST_RECORD + 1);
    expect(() => readRun(path)).toThrow(/too large: 65 MiB, and a record is 64 MiB at most/);
  });

  test('refuses what is no file, and what is no record', () => {
    expect(() => readRun('/dev/zero')).toThrow(/it is not a regular file/);
    expect(() => readRun(join(home, 'nowhere'))).toThrow(/cannot read/);
    const path = copy();
    writeFileSync(join(path, 'run.json'), '['.repeat(500_000));
    expect(() => readRun(path)).toThrow(expect.objectContaining({ code: 'config' }));
  });

  test('refuses what is nested without an end, where nobody looks too', () => {
    const path = copy();
    const file = join(path, 'run.json');
    const text = readFileSync(file, 'utf8').replace('{', `{"more": ${'['.repeat(20_000_000)},`);
    writeFileSync(file, text);
    expect(() => readRun(path)).toThrow(
      `cannot read ${file}: it is too deeply nested (more than 500 levels)`,
    );
    const line = `{"more":${'['.repeat(100_000)}${']'.repeat(100_000)}}\n`;
    writeFileSync(join(path, 'seams.ndjson'), line);
    expect(seamMapOf(path).note).toMatch(/line 1 is too deeply nested/);
  });

  test('refuses a finding whose name is a path', () => {
    const path = copy();
    const file = join(path, 'run.json');
    const { id = '' } = example('llama.cpp-b8929').findings[0] ?? {};
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(`"id": "${id}"`, '"id": "../../x"'));
    expect(() => readRun(path)).toThrow(/findings\.\d\.id/);
  });

  test('a journal that breaks off is read to its last whole line; a broken one says so', () => {
    const path = copy();
    const journal = join(path, 'seams.ndjson');
    appendFileSync(journal, '{"scenario":"ad');
    expect([...journalOf(path)]).toHaveLength(1381);
    expect(seamMapOf(path).note).toBeUndefined();
    appendFileSync(journal, '\n');
    expect(seamMapOf(path).note).toMatch(/could not be read to its end: .*line 1382/);
    writeFileSync(journal, 'x'.repeat(3 * 1024 * 1024));
    expect(() => [...journalOf(path)]).toThrow(/too large for a journal/);
    rmSync(journal);
    expect([...journalOf(path)]).toEqual([]);
  });

  test('a captured stream is read as it was stored, never through a link', () => {
    const path = copy();
    const id = 'markup-leaked-225a38';
    const chunks = capturedIn(path, id);
    expect(chunks.length).toBeGreaterThan(1);
    expect(new TextDecoder().decode(chunks[0]?.bytes)).toMatch(/^data: \{"choices"/);
    expect(chunks.map((chunk) => chunk.atMs)).toEqual(
      chunks.map((chunk) => chunk.atMs).toSorted((a, b) => a - b),
    );
    const file = join(path, 'raw', `${id}.ndjson`);
    rmSync(file);
    symlinkSync(join(run, 'raw', `${id}.ndjson`), file);
    expect(capturedIn(path, id)).toEqual([]);
    rmSync(join(path, 'raw'), { recursive: true });
    symlinkSync(join(run, 'raw'), join(path, 'raw'));
    expect(capturedIn(path, id)).toEqual([]);
    rmSync(join(path, 'raw'));
    mkdirSync(join(path, 'raw'));
    writeFileSync(file, '{"atMs": 1, "base64": "eA=="}\nnull\n');
    expect(capturedIn(path, id)).toEqual([]);
    expect(capturedIn(path, 'none')).toEqual([]);
  });
});
