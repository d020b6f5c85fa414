#!/usr/bin/env node
/** The command line. Commands load what they need when they run, so that `--help` stays quick. */
import { Command, CommanderError } from 'commander';
import { messageOf, SeamstressError } from '../errors.ts';
import { visible } from '../tokens/text.ts';
import { TOOL } from '../tool.ts';
import { analyzeCommand } from './analyze.ts';
import { baselineCommand } from './baseline.ts';
import { bisectCommand } from './bisect.ts';
import { diffCommand } from './diff.ts';
import { auditCommand } from './audit.ts';
import { doctorCommand } from './doctor.ts';
import { mergeCommand } from './merge.ts';
import { probeCommand } from './probe.ts';
import { replayCommand } from './replay.ts';
import { reportCommand } from './report.ts';
import { runCommand } from './run.ts';
import { selftestCommand } from './selftest.ts';
import { serveCommand } from './serve.ts';
import { tokenizerCommand } from './tokenizer.ts';
import { tapCommand } from './tap.ts';

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

for (const command of [
  runCommand(),
  probeCommand(),
  replayCommand(),
  reportCommand(),
  analyzeCommand(),
  mergeCommand(),
  auditCommand(),
  serveCommand(),
  tokenizerCommand(),
  tapCommand(),
  selftestCommand(),
  diffCommand(),
  baselineCommand(),
  bisectCommand(),
  doctorCommand(),
]) {
  command.exitOverride();
  program.addCommand(command);
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
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

/** A message can hold a server's own words; line breaks stay, what could move the cursor does not. */
function harmless(text: string): string {
  return text
    .split('\n')
    .map((line) => visible(line))
    .join('\n');
}
