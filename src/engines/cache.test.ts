import { expect, test } from 'vitest';
import { cacheFolder, type Surroundings } from './cache.ts';

const linux: Surroundings = { env: {}, platform: 'linux', home: '/home/ada' };
const windows: Surroundings = { env: {}, platform: 'win32', home: 'C:\\Users\\ada' };

test.each<[string, Surroundings, string]>([
  ['Linux', linux, '/home/ada/.cache/seamstress'],
  ['XDG', { ...linux, env: { XDG_CACHE_HOME: '/var/x' } }, '/var/x/seamstress'],
  ['a relative XDG', { ...linux, env: { XDG_CACHE_HOME: 'x' } }, '/home/ada/.cache/seamstress'],
  ['its own', { ...linux, env: { SEAMSTRESS_CACHE: '/s', XDG_CACHE_HOME: '/x' } }, '/s'],
  ['its own, empty', { ...linux, env: { SEAMSTRESS_CACHE: '' } }, '/home/ada/.cache/seamstress'],
  [
    'macOS',
    { env: {}, platform: 'darwin', home: '/Users/ada' },
    '/Users/ada/Library/Caches/seamstress',
  ],
  ['Windows', { ...windows, env: { LOCALAPPDATA: 'D:\\Local' } }, 'D:\\Local\\seamstress\\Cache'],
  ['Windows, bare', windows, 'C:\\Users\\ada\\AppData\\Local\\seamstress\\Cache'],
])('%s', (_, surroundings, folder) => {
  expect(cacheFolder(surroundings)).toBe(folder);
});
