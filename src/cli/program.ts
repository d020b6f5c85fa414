/** The commands in commander's hands: of the commands' own files only that of the named one is loaded. */
import { Command, CommanderError } from 'commander';
import { messageOf, SeamstressError } from '../errors.ts';
import { TOOL } from '../tool.ts';
import { COMMANDS } from './commands.ts';
import { overview } from './overview.ts';

/** The program, with the command that the words (without options) name ready to run. */
export async function programFor(words: readonly string[]): Promise<Command> {
  const program = new Command('seamstress')
    .version(TOOL.version, '-V, --version')
    .option('--debug', 'show stack traces')
    .showHelpAfterError('(seamstress --help shows what there is)')
    .exitOverride();
  program.helpInformation = overview;
  const wanted = words[0] === 'help' ? words[1] : words[0];
  for (const { name, load } of COMMANDS) {
    const command = name === wanted ? await load() : new Command(name);
    program.addCommand(command.exitOverride());
  }
  return program;
}

/** Runs a command line, and sets the exit status. */
export async function run(argv: readonly string[]): Promise<void> {
  // No option of the program itself takes a value, so that the first other word names the command.
  const program = await programFor(argv.slice(2).filter((word) => !word.startsWith('-')));
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = await report(error, program.opts()['debug'] === true);
  }
}

async function report(error: unknown, debug: boolean): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const { visible } = await import('../tokens/text.ts');
  /** A message can hold a server's own words; line breaks stay, what could move the cursor does not. */
  const harmless = (text: string): string =>
    text
      .split('\n')
      .map((line) => visible(line))
      .join('\n');
  if (debug) console.error(error);
  else if (error instanceof SeamstressError) {
    console.error(`seamstress: ${harmless(error.message)}`);
    if (error.hint !== undefined) console.error(`  ${harmless(error.hint)}`);
  } else
    console.error(
      `seamstress: ${harmless(messageOf(error))}\n  This is a bug in seamstress; --debug shows where.`,
    );
  return error instanceof SeamstressError ? error.exitStatus : 3;
}
