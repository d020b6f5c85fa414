/** The examples of this room's README are the files that the tests run. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as api from '../index.ts';

const EXAMPLES = join(import.meta.dirname, 'examples');
const README = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');

/** The code blocks of the README, in order. */
function blocks(): string[] {
  return Array.from(README.matchAll(/^```ts\n([\s\S]*?)^```$/gm), ([, code = '']) => code);
}

/** An example as a reader would write it. */
function shown(file: string): string {
  return readFileSync(join(EXAMPLES, file), 'utf8').replaceAll("'../../index.ts'", "'seamstress'");
}

test('every example is in the README, letter by letter, and every block is an example', () => {
  const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.test.ts'));
  expect(files).toHaveLength(5);
  expect(blocks().toSorted()).toEqual(files.map(shown).toSorted());
});

test('examples import nothing of seamstress but its public API', () => {
  for (const code of blocks())
    for (const [, from = ''] of code.matchAll(/from '([^']+)'/g))
      expect(from).toMatch(/^(?:seamstress|vitest|node:[a-z/]+)$/);
});

test('what the README calls by name is exported', () => {
  const names = Array.from(README.matchAll(/`(\w+)\([^`]*\)`/g), ([, name = '']) => name);
  expect(names.length).toBeGreaterThan(5);
  for (const name of names)
    if (!['import'].includes(name)) expect(Object.keys(api)).toContain(name);
});
