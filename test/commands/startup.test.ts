/** What a command loads before it has anything to do: nothing that takes long. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { MAIN, seamstress, temporaryFolder } from './cli.test-help.ts';

const cwd = temporaryFolder();
const DIST = join(MAIN, '../..');

/** Files under `dist` and packages that a command line loads, as V8's own account of scripts has it. */
async function loaded(args: readonly string[], status = 0): Promise<string[]> {
  const folder = mkdtempSync(join(cwd, 'coverage-'));
  const env = { NODE_V8_COVERAGE: folder };
  expect(await seamstress(args, { cwd, env })).toMatchObject({ status });
  const names = readdirSync(folder).flatMap((file) => scriptsIn(join(folder, file)).map(nameOf));
  return [...new Set(names)].toSorted();
}

function scriptsIn(file: string): string[] {
  const { result } = JSON.parse(readFileSync(file, 'utf8')) as { result: { url: string }[] };
  return result.map(({ url }) => url).filter((url) => url.startsWith('file:'));
}

function nameOf(url: string): string {
  const path = fileURLToPath(url);
  const inPackages = path.split(`${sep}node_modules${sep}`).at(-1) ?? '';
  return path.startsWith(DIST)
    ? path.slice(DIST.length + 1).replaceAll(sep, '/')
    : (/^(?:@[^/\\]+[/\\])?[^/\\]+/.exec(inPackages)?.[0].replaceAll(sep, '/') ?? path);
}

const OVERVIEW = ['cli/commands.js', 'cli/main.js', 'cli/output.js', 'cli/overview.js'];

test.each([['--help'], ['-h'], ['help']])('%s loads the overview alone', async (word) => {
  expect(await loaded([word])).toEqual(OVERVIEW);
});

test('--version loads the version besides', async () => {
  expect(await loaded(['--version'])).toEqual([...OVERVIEW, 'tool.js']);
});

test('an unknown command loads no command', async () => {
  expect(await loaded(['nope'], 2)).toEqual(
    [...OVERVIEW, 'cli/program.js', 'commander', 'errors.js', 'tool.js'].toSorted(),
  );
});

test.each(COMMANDS.map(({ name }) => name))('%s --help loads no package', async (name) => {
  const names = await loaded([name, '--help']);
  expect(names).toContain(`cli/${name}.js`);
  expect(names.filter((each) => !each.endsWith('.js'))).toEqual(['commander']);
  expect(names.length).toBeLessThan(25);
});

test('what is loaded is seen: a command that works loads packages', async () => {
  expect(await loaded(['report', 'no-such-folder'], 2)).toContain('zod');
});
