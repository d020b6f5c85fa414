import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  cachedEnvironments,
  environmentFolder,
  importTrouble,
  readEnvironment,
  writeMarker,
} from './environment.ts';

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'seamstress-cache-'));
  vi.stubEnv('SEAMSTRESS_CACHE', cache);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true });
});

async function make(version: string): Promise<string> {
  const folder = environmentFolder('llama.cpp', version);
  await mkdir(folder, { recursive: true });
  return folder;
}

async function makeComplete(version: string): Promise<void> {
  const installedAt = '2026-11-21T00:00:00Z';
  const marker = { engine: 'llama.cpp', version, wheel: null, installedAt, python: '3.11.7' };
  await writeMarker(await make(version), marker);
}

test('a folder without a readable marker is no environment', async () => {
  const folder = await make('1.0');
  expect(await readEnvironment(folder)).toBeUndefined();
  await writeFile(join(folder, 'seamstress.json'), '{"version": "1.0"');
  expect(await readEnvironment(folder)).toBeUndefined();
  await writeFile(join(folder, 'seamstress.json'), '{"version": "1.0"}');
  expect(await readEnvironment(folder)).toBeUndefined();
  expect(await cachedEnvironments('llama.cpp')).toEqual([]);
});

test('lists the complete ones, newest first', async () => {
  for (const version of ['2026.4.8929', '2026.10.11549', '0.2.10']) await makeComplete(version);
  await make('2026.11.1');
  const versions = (await cachedEnvironments('llama.cpp')).map(({ marker }) => marker.version);
  expect(versions).toEqual(['2026.10.11549', '2026.4.8929', '0.2.10']);
});

test('a cache that is not there is empty', async () => {
  vi.stubEnv('SEAMSTRESS_CACHE', join(cache, 'nowhere'));
  expect(await cachedEnvironments('llama.cpp')).toEqual([]);
});

test('an interpreter that is gone is trouble', async () => {
  const folder = await make('1.0');
  const trouble = await importTrouble('llama.cpp', folder, new AbortController().signal);
  expect(trouble).toBe('its Python is gone');
});
