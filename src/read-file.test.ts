import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readIfThere, readWithin } from './read-file.ts';

const MIB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'seamstress-read-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const WANTED = { most: 3 * MIB, what: 'a record', hint: 'Give another.' };

describe('a file that somebody names', () => {
  test('is read whole, through a link too', () => {
    for (const size of [0, 1, 1000, MIB, MIB + 1, 3 * MIB]) {
      const bytes = Buffer.alloc(size, 'abc');
      writeFileSync(join(folder, 'file'), bytes);
      expect(readWithin(join(folder, 'file'), WANTED).equals(bytes)).toBe(true);
    }
    symlinkSync(join(folder, 'file'), join(folder, 'link'));
    expect(readWithin(join(folder, 'link'), WANTED)).toHaveLength(3 * MIB);
  });

  test('and is not when it is too large', () => {
    truncateSync(join(folder, 'file'), 3 * MIB + 1);
    expect(() => readWithin(join(folder, 'file'), WANTED)).toThrow(
      expect.objectContaining({
        code: 'config',
        message: `${join(folder, 'file')} is too large: 4 MiB, and a record is 3 MiB at most`,
        hint: 'Give another.',
      }),
    );
  });

  test.runIf(process.platform === 'linux')('whatever its size says', () => {
    // Files of the kernel have no size and some have no end.
    expect(readWithin('/proc/self/status', WANTED).toString()).toMatch(/^Name:/);
    expect(() => readWithin('/proc/self/pagemap', { ...WANTED, most: 1000 })).toThrow();
  });

  test('is a regular file', () => {
    mkdirSync(join(folder, 'folder'));
    expect(() => readWithin(join(folder, 'folder'), WANTED)).toThrow(/it is a folder|EISDIR/);
    expect(() => readWithin('/dev/zero', WANTED)).toThrow('it is not a regular file');
    const pipe = join(folder, 'pipe');
    if (spawnSync('mkfifo', [pipe]).status === 0) {
      expect(() => readWithin(pipe, WANTED)).toThrow('it is not a regular file');
      expect(() => readIfThere(pipe, WANTED)).toThrow('it is not a regular file');
    }
  });

  test('may be missing', () => {
    expect(() => readWithin(join(folder, 'none'), WANTED)).toThrow(
      expect.objectContaining({ code: 'config', hint: 'Give another.' }),
    );
    expect(readIfThere(join(folder, 'none'), WANTED)).toBeUndefined();
    expect(readIfThere(join(folder, 'file', 'none'), WANTED)).toBeUndefined();
  });
});
