#!/usr/bin/env node
/** The command line. Commands load what they need when they run, so that `--help` stays quick. */
import { Command, CommanderError, Help } from 'commander';
import { messageOf, SeamstressError } from '../errors.ts';
import { TOOL } from '../tool.ts';
import { COMMANDS, nameOf } from './commands.ts';

const program = new Command('seamstress')
  .description(
    'Pause/resume stress tests for LLM servers: streams a generation, cuts it, resumes it, and tells whether it is still the same generation.',
  )
  .version(TOOL.version, '-V, --version')
  .option('--debug', 'show stack traces')
  .showHelpAfterError('(seamstress --help shows what there is)')
  .exitOverride()
  .addHelpText(
    'after',
    `
Exit status: 0 nothing to report, 1 findings, 2 wrong usage or configuration,
3 inconclusive (target unusable, nothing tested, everything unstable), 130 interrupted.`,
  );

const terms = new Map(COMMANDS.map((entry) => [nameOf(entry), entry.term]));
const usual = new Help();
program.configureHelp({
  subcommandTerm: (command) => terms.get(command.name()) ?? usual.subcommandTerm(command),
});

// No option of the program itself takes a value, so that the first other word names the command.
const [first, second] = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const wanted = first === 'help' ? second : first;
for (const entry of COMMANDS) {
  const name = nameOf(entry);
  const command =
    name === wanted ? await entry.load() : new Command(name).description(entry.description);
  program.addCommand(command.exitOverride());
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = await report(error);
}

async function report(error: unknown): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const { visible } = await import('../tokens/text.ts');
  /** A message can hold a server's own words; line breaks stay, what could move the cursor does not. */
  const harmless = (text: string): string =>
    text
      .split('\n')
      .map((line) => visible(line))
      .join('\n');
  if (program.opts()['debug'] === true) console.error(error);
  else if (error instanceof SeamstressError) {
    console.error(`seamstress: ${harmless(error.message)}`);
    if (error.hint !== undefined) console.error(`  ${harmless(error.hint)}`);
  } else
    console.error(
      `seamstress: ${harmless(messageOf(error))}\n  This is a bug in seamstress; --debug shows where.`,
    );
  return error instanceof SeamstressError ? error.exitStatus : 3;
}
