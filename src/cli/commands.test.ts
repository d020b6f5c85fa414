import { Command, Help } from 'commander';
import { expect, test } from 'vitest';
import { COMMANDS, nameOf } from './commands.ts';

const help = new Help();

test.each(COMMANDS.map((entry) => [nameOf(entry), entry] as const))(
  '%s is listed as it is',
  async (name, { term, description, load }) => {
    const command = await load();
    expect(command).toBeInstanceOf(Command);
    expect(command.name()).toBe(name);
    expect(help.subcommandTerm(command)).toBe(term);
    expect(help.subcommandDescription(command)).toBe(description);
  },
);
