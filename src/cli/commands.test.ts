import { Command, Help } from 'commander';
import { expect, test } from 'vitest';
import { COMMANDS } from './commands.ts';
import { overview } from './overview.ts';
import { programFor } from './program.ts';

const help = new Help();

test.each(COMMANDS.map((entry) => [entry.name, entry] as const))(
  '%s is listed as it is',
  async (name, { description, load }) => {
    const command = await load();
    expect(command).toBeInstanceOf(Command);
    expect(command.name()).toBe(name);
    expect(help.subcommandDescription(command)).toBe(description);
    expect(overview()).toContain(`\n  ${name} `);
    expect(overview()).toContain(` ${description}\n`);
  },
);

test('the overview has every option of the program, and fits a narrow terminal', async () => {
  const program = await programFor([]);
  for (const option of help.visibleOptions(program))
    expect(overview()).toContain(`\n  ${option.flags} `);
  expect(program.helpInformation()).toBe(overview());
  for (const line of overview().split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

test('only the command that is named is loaded', async () => {
  expect(optionsOf(await programFor([]))).toEqual([]);
  expect(optionsOf(await programFor(['nope']))).toEqual([]);
  expect(optionsOf(await programFor(['run', 'serve']))).toEqual([['run', expect.any(Number)]]);
  expect(optionsOf(await programFor(['help', 'tap']))).toEqual([['tap', expect.any(Number)]]);
});

/** The commands of a program that have options, with their number. */
function optionsOf(program: Command): [string, number][] {
  return program.commands
    .filter(({ options }) => options.length > 0)
    .map((command) => [command.name(), command.options.length]);
}
