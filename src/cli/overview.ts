/** What `seamstress --help` prints. It is written out, since commander takes longer to load than node. */
import { COMMANDS } from './commands.ts';

/** Every option of the program itself; none takes a value. */
const OPTIONS = [
  ['-V, --version', 'print the version'],
  ['--debug', 'show stack traces'],
  ['-h, --help', 'print this, or with a command what it can do'],
] as const;

/** The overview, at most 80 columns wide. */
export function overview(): string {
  return `Usage: seamstress [options] <command> …

Pause/resume stress tests for LLM servers: streams a generation, cuts it,
resumes it, and tells whether it is still the same generation.

Commands (seamstress <command> --help tells more):
${rows(COMMANDS.map(({ name, description }) => [name, description] as const))}

Options:
${rows(OPTIONS)}

Exit status: 0 nothing to report, 1 findings, 2 wrong usage or configuration,
3 inconclusive (target unusable, errors, nothing tested or not all that was
planned, everything unstable), 130 interrupted.
`;
}

function rows(entries: readonly (readonly [name: string, text: string])[]): string {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`).join('\n');
}
