import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { LOCK, lockFolder, unlockFolder } from './lock.ts';
import { RunStore } from './store.ts';

function home(): string {
  const folder = mkdtempSync(join(tmpdir(), 'seamstress-lock-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Another process of this machine that does nothing. */
async function other(): Promise<{ pid: number; end: () => Promise<void> }> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await once(child, 'spawn');
  return {
    pid: child.pid as number,
    async end() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

test('a folder that another process writes to is refused, until that process is gone', async () => {
  const folder = home();
  const { pid, end } = await other();
  writeFileSync(join(folder, 'seams.ndjson'), 'its own\n');
  writeFileSync(join(folder, LOCK), `${pid} ${hostname()}\n`);
  expect(() => new RunStore(folder)).toThrow(`process ${pid} is writing to ${folder}`);
  expect(() => new RunStore(folder, true)).toThrow(`process ${pid} is writing`);
  expect(readFileSync(join(folder, 'seams.ndjson'), 'utf8')).toBe('its own\n');
  await end();
  const store = new RunStore(folder);
  expect(readFileSync(join(folder, LOCK), 'utf8')).toBe(`${process.pid} ${hostname()}\n`);
  unlockFolder(store.folder);
});

test('a folder is given back when its run is over, and can be taken twice by one process', () => {
  const folder = home();
  lockFolder(folder);
  lockFolder(folder);
  unlockFolder(folder);
  expect(readdirSync(folder)).toEqual([]);
});

test('a lock of another machine, or a file that is none, keeps nobody out', async () => {
  const folder = home();
  const { pid, end } = await other();
  for (const text of [`${pid} another-machine\n`, 'x', `${pid}`, '99999999999 \n', '']) {
    writeFileSync(join(folder, LOCK), text);
    lockFolder(folder);
    unlockFolder(folder);
  }
  await end();
});
