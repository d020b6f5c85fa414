import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Finding, RunRecord, SeamLine } from './record.ts';
import { RunStore } from './store.ts';

const LINE: SeamLine = {
  scenario: 'sum',
  k: 1,
  n: 2,
  phase: 'content',
  strategy: 'raw-text',
  way: 'disconnect',
  verdict: 'exact',
  basis: ['prompt'],
};
const FINDING = { id: 'turn-closed-123456' } as Finding;
const RECORD = { schemaVersion: 1 } as RunRecord;

function home(): string {
  const folder = mkdtempSync(join(tmpdir(), 'seamstress-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a run is written into its folder, each seam at once', () => {
  const folder = join(home(), 'a', 'run');
  const store = new RunStore(folder);
  store.seam(LINE);
  expect(readFileSync(join(folder, 'seams.ndjson'), 'utf8')).toBe(`${JSON.stringify(LINE)}\n`);
  store.seam({ ...LINE, k: 2 });
  store.finding(FINDING);
  store.finish(RECORD);
  const lines = readFileSync(join(folder, 'seams.ndjson'), 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([LINE, { ...LINE, k: 2 }]);
  expect(JSON.parse(readFileSync(store.findingPath(FINDING.id), 'utf8'))).toEqual(FINDING);
  expect(JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8'))).toEqual(RECORD);
  expect(readdirSync(folder).toSorted()).toEqual(['findings', 'run.json', 'seams.ndjson']);
});

test('a captured stream is kept with its times and bytes', () => {
  const store = new RunStore(join(home(), 'run'));
  store.raw('empty', []);
  store.raw('x', [{ atMs: 1.23456, bytes: Uint8Array.of(0, 255) }]);
  expect(readdirSync(join(store.folder, 'raw'))).toEqual(['x.ndjson']);
  expect(readFileSync(join(store.folder, 'raw', 'x.ndjson'), 'utf8')).toBe(
    '{"atMs":1.23,"base64":"AP8="}\n',
  );
});

test('a second run into the same folder leaves nothing of the first', () => {
  const folder = join(home(), 'run');
  const first = new RunStore(folder);
  first.seam(LINE);
  first.finding(FINDING);
  first.raw('x', [{ atMs: 1, bytes: Uint8Array.of(1) }]);
  first.finish(RECORD);
  const second = new RunStore(folder);
  expect(existsSync(second.findingPath(FINDING.id))).toBe(true);
  second.seam({ ...LINE, k: 2 });
  expect(existsSync(second.findingPath(FINDING.id))).toBe(false);
  expect(existsSync(join(folder, 'raw'))).toBe(false);
  expect(existsSync(join(folder, 'run.json'))).toBe(false);
  expect(readFileSync(join(folder, 'seams.ndjson'), 'utf8')).toBe(
    `${JSON.stringify({ ...LINE, k: 2 })}\n`,
  );
});

test('a run that never began leaves everything as it was', () => {
  const place = home();
  new RunStore(join(place, 'a', 'b')).leave();
  expect(readdirSync(place)).toEqual([]);
  const folder = join(place, 'run');
  const first = new RunStore(folder);
  first.seam(LINE);
  first.finish(RECORD);
  const was = readdirSync(folder);
  new RunStore(folder).leave();
  expect(readdirSync(folder)).toEqual(was);
});

test('what was put into the folder of a run that never began stays', () => {
  const folder = join(home(), 'a', 'run');
  const store = new RunStore(folder);
  writeFileSync(join(folder, 'notes.txt'), 'mine');
  store.leave();
  expect(readdirSync(folder)).toEqual(['notes.txt']);
});

test('a run that began is not left', () => {
  const store = new RunStore(join(home(), 'run'));
  store.seam(LINE);
  store.leave();
  expect(readFileSync(join(store.folder, 'seams.ndjson'), 'utf8')).toBe(
    `${JSON.stringify(LINE)}\n`,
  );
});

test('files of the user’s in the folder stay', () => {
  const folder = join(home(), 'run');
  mkdirSync(folder);
  writeFileSync(join(folder, 'notes.txt'), 'mine');
  new RunStore(folder).finish(RECORD);
  expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('mine');
});

test('a folder that cannot be written is told with what to do', () => {
  const place = join(home(), 'file');
  writeFileSync(place, '');
  expect.assertions(1);
  try {
    new RunStore(join(place, 'run')).finish(RECORD);
  } catch (error) {
    expect(error).toMatchObject({
      code: 'output',
      message: expect.stringContaining('cannot write to') as string,
      hint: 'Give another folder with --out.',
    });
  }
});

describe('latest', () => {
  test('is the run that finished last', () => {
    const all = home();
    for (const name of ['one', 'two']) new RunStore(join(all, name)).finish(RECORD);
    expect(readlinkSync(join(all, 'latest'))).toBe('two');
  });

  test('is no reason to remove a file or a folder of the user’s', () => {
    const [withFile, withFolder] = [home(), home()];
    writeFileSync(join(withFile, 'latest'), 'mine');
    mkdirSync(join(withFolder, 'latest'));
    writeFileSync(join(withFolder, 'latest', 'x'), 'mine');
    for (const all of [withFile, withFolder]) new RunStore(join(all, 'run')).finish(RECORD);
    expect(readFileSync(join(withFolder, 'latest', 'x'), 'utf8')).toBe('mine');
    expect(lstatSync(join(withFile, 'latest')).isFile()).toBe(true);
  });
});
