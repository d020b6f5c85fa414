/** A right server gets no finding, however often it is asked. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packOf, readRun, seamstress, temporaryFolder } from './cli.test-help.ts';

const cwd = temporaryFolder();
const SHA256 = /^[0-9a-f]{64}$/;

describe('the clean embedded server', () => {
  test('the default pack at every cut', async () => {
    const ran = await seamstress(
      ['run', '--target', 'reference', '--seed', '1', '--out', 'whole'],
      {
        cwd,
      },
    );
    expect(ran).toMatchObject({ status: 0 });
    const { record, seams } = readRun(join(cwd, 'whole'));
    expect(record.findings).toEqual([]);
    expect(record.errors).toEqual([]);
    expect(record.interrupted).toBeUndefined();
    expect(record.totals.seams).toBe(record.plan.seams);
    expect(record.totals.verdicts.exact).toBe(record.totals.seams);
    expect(new Set(seams.map(({ scenario }) => scenario))).toEqual(new Set(record.plan.scenarios));
    expect(Object.keys(record.totals.byPhase)).toEqual([
      'opening',
      'reasoning',
      'closing',
      'content',
      'tool-call',
    ]);
    // Every cut of every scenario, with the two strategies that lose nothing anywhere.
    for (const id of record.plan.scenarios) {
      const cuts = seams.filter(
        ({ scenario, strategy }) => scenario === id && strategy === 'reasoning-field',
      );
      expect(cuts.map(({ k }) => k)).toEqual(
        Array.from({ length: (cuts[0]?.n ?? 0) + 1 }, (_, k) => k),
      );
    }
    expect(record.target).toMatchObject({
      dialect: 'llama.cpp',
      model: 'thinker',
      engine: { name: 'reference', build: expect.stringMatching(/\S/) as string },
      chatTemplateSha256: expect.stringMatching(SHA256) as string,
      tokenizerSha256: expect.stringMatching(SHA256) as string,
    });
    const { controls } = record;
    expect(controls.repeats).toBe(2 * record.plan.scenarios.length);
    expect(controls.repeatDisagreements).toBe(0);
    expect(controls.tokenControl.tried).toBeGreaterThan(0);
    expect(controls.tokenControl.exact).toBe(controls.tokenControl.tried);
    expect(controls.realCuts.tried).toBeGreaterThan(0);
    expect(controls.realCuts.asDerived).toBe(controls.realCuts.tried);

    expect(readdirSync(join(cwd, 'whole')).toSorted()).toEqual([
      'findings',
      'run.json',
      'seams.ndjson',
      'tape.bin',
    ]);
    expect(readdirSync(join(cwd, 'whole', 'findings'))).toEqual([]);
    for (const word of ['opening', 'reasoning', 'closing', 'content', 'tool-call'])
      expect(ran.stdout).toContain(word);
    expect(ran.stdout).toContain('no findings');
    expect(ran.stdout).toMatch(/controls\s+repeat 32\/32 identical · token ids (\d+)\/\1 exact/);
    expect(ran.stdout).toContain('whole   run.json');
    // oxlint-disable-next-line no-control-regex
    expect(ran.stdout).not.toMatch(/\u001b/);
  });

  test.each([1, 2, 3])('seed %i, twice in a row: exact, and the same', async (seed) => {
    const pack = packOf(cwd, ['python', 'emoji', 'tool']);
    const texts: string[] = [];
    for (const time of ['first', 'second']) {
      const out = `${time}-${seed}`;
      const ran = await seamstress(
        [
          'run',
          pack,
          '--target',
          'reference',
          '--cuts',
          '12',
          '--seed',
          `${seed}`,
          '--out',
          out,
          '--json',
        ],
        { cwd },
      );
      expect(ran).toMatchObject({ status: 0 });
      const { record, seams } = readRun(join(cwd, out));
      expect(JSON.parse(ran.stdout)).toEqual(
        JSON.parse(readFileSync(join(cwd, out, 'run.json'), 'utf8')),
      );
      expect(record.plan).toMatchObject({ seed, cuts: 12, mode: 'sweep' });
      expect(record.findings).toEqual([]);
      expect(new Set(seams.map(({ verdict }) => verdict))).toEqual(new Set(['exact']));
      texts.push(readFileSync(join(cwd, out, 'seams.ndjson'), 'utf8'));
    }
    expect(texts[1]).toBe(texts[0]);
  });

  test('without --out the run lies under reports/, and latest points at it', async () => {
    const pack = packOf(cwd, ['add']);
    const ran = await seamstress(['run', pack, '--target', 'reference', '--cuts', '2'], { cwd });
    expect(ran.status).toBe(0);
    const folders = readdirSync(join(cwd, 'reports'));
    expect(folders).toContain('latest');
    expect(folders.find((name) => name !== 'latest')).toMatch(/^\d{4}-\d\d-\d\d-\d{6}-reference$/);
    expect(readRun(join(cwd, 'reports', 'latest')).record.plan.scenarios).toEqual(['add']);
  });

  test('more cuts than there are tests all of them', async () => {
    const pack = packOf(cwd, ['add']);
    const args = ['run', pack, '--target', 'reference', '--strategy', 'raw-text', '--seed', '1'];
    const many = await seamstress([...args, '--cuts', '100000', '--out', 'many'], { cwd });
    const all = await seamstress([...args, '--cuts', 'all', '--out', 'all'], { cwd });
    expect([many.status, all.status]).toEqual([0, 0]);
    expect(readRun(join(cwd, 'many')).seams).toEqual(readRun(join(cwd, 'all')).seams);
  });
});

describe('fuzzing the clean embedded server', () => {
  test.each([1, 2, 3])('300 cases with seed %i: no finding', async (seed) => {
    const out = `fuzz-${seed}`;
    const ran = await seamstress(
      [
        'run',
        '--target',
        'reference',
        '--mode',
        'fuzz',
        '--cases',
        '300',
        '--seed',
        `${seed}`,
        '--out',
        out,
      ],
      { cwd },
    );
    expect(ran).toMatchObject({ status: 0 });
    const { record, seams } = readRun(join(cwd, out));
    expect(record.findings).toEqual([]);
    expect(record.totals.verdicts.exact).toBe(record.totals.seams);
    expect(record.totals.seams).toBeGreaterThanOrEqual(150);
    expect(seams.some(({ synthetic }) => synthetic === true)).toBe(true);
    expect(seams.some(({ pauses }) => (pauses?.length ?? 0) > 1)).toBe(true);
    expect(new Set(seams.map(({ way }) => way))).toEqual(
      new Set(['disconnect', 'max-tokens', 'stop-string']),
    );
  });

  test('ends at --max-time with a whole record', async () => {
    const ran = await seamstress(
      [
        'run',
        '--target',
        'reference',
        '--mode',
        'fuzz',
        '--cases',
        '1000000',
        '--max-time',
        '3s',
        '--out',
        'timed',
      ],
      { cwd },
    );
    expect(ran.status).toBe(0);
    expect(ran.ms).toBeLessThan(10_000);
    expect(ran.stdout).toContain('stopped at the time limit');
    const { record } = readRun(join(cwd, 'timed'));
    expect(record.interrupted).toBe('max-time');
    expect(record.totals.verdicts.exact).toBe(record.totals.seams);
  });
});
