/**
 * The commands, as the list of them shows each. A command's own file is loaded when it is named:
 * most of the time that `--help` took went into loading all of them.
 */
import type { Command } from 'commander';

/** A command that may not be loaded yet. */
interface Entry {
  /** Its name, and what may follow it. */
  readonly term: string;
  readonly description: string;
  readonly load: () => Promise<Command>;
}

export const COMMANDS: readonly Entry[] = [
  {
    term: 'run [options] [scenario...]',
    description: 'cut, resume and compare',
    load: async () => (await import('./run.ts')).runCommand(),
  },
  {
    term: 'probe [options]',
    description: 'how to resume on this server',
    load: async () => (await import('./probe.ts')).probeCommand(),
  },
  {
    term: 'replay [options] <finding>',
    description: 'judge a finding again',
    load: async () => (await import('./replay.ts')).replayCommand(),
  },
  {
    term: 'report [options] [run]',
    description: 'write the reports of a stored run',
    load: async () => (await import('./report.ts')).reportCommand(),
  },
  {
    term: 'analyze [options] <run>',
    description: 'judge a run again, without a server',
    load: async () => (await import('./analyze.ts')).analyzeCommand(),
  },
  {
    term: 'merge [options] <run...>',
    description: 'put the shards of a run together',
    load: async () => (await import('./merge.ts')).mergeCommand(),
  },
  {
    term: 'audit [options] [command...]',
    description: 'how a client resumes: interrupts it, and judges what it sends next',
    load: async () => (await import('./audit.ts')).auditCommand(),
  },
  {
    term: 'serve [options]',
    description: 'run the embedded reference server',
    load: async () => (await import('./serve.ts')).serveCommand(),
  },
  {
    term: 'tokenizer [options] <path> [text...]',
    description: 'how often a cut text encodes to other tokens',
    load: async () => (await import('./tokenizer.ts')).tokenizerCommand(),
  },
  {
    term: 'tap [options]',
    description: 'record what passes between a gateway and an engine',
    load: async () => (await import('./tap.ts')).tapCommand(),
  },
  {
    term: 'selftest [options]',
    description: 'try the harness on faults that are known',
    load: async () => (await import('./selftest.ts')).selftestCommand(),
  },
  {
    term: 'diff [options] <a> <b>',
    description: 'what is new between two runs',
    load: async () => (await import('./diff.ts')).diffCommand(),
  },
  {
    term: 'baseline [options] <run>',
    description: 'make or check a file of known findings',
    load: async () => (await import('./baseline.ts')).baselineCommand(),
  },
  {
    term: 'bisect [options]',
    description: 'name the build that brought a finding, or took it away',
    load: async () => (await import('./bisect.ts')).bisectCommand(),
  },
  {
    term: 'doctor [options]',
    description: 'say what is missing, and how to get it',
    load: async () => (await import('./doctor.ts')).doctorCommand(),
  },
];

export function nameOf({ term }: Entry): string {
  return term.split(' ')[0] ?? '';
}
