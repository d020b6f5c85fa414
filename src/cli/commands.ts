/**
 * The commands, as the list of them shows each. A command's own file is loaded when it is named:
 * most of the time that `--help` took went into loading all of them.
 */
import type { Command } from 'commander';

/** A command that may not be loaded yet. */
interface Entry {
  readonly name: string;
  readonly description: string;
  readonly load: () => Promise<Command>;
}

export const COMMANDS: readonly Entry[] = [
  {
    name: 'run',
    description: 'cut, resume and compare',
    load: async () => (await import('./run.ts')).runCommand(),
  },
  {
    name: 'probe',
    description: 'how to resume on this server',
    load: async () => (await import('./probe.ts')).probeCommand(),
  },
  {
    name: 'replay',
    description: 'judge a finding again',
    load: async () => (await import('./replay.ts')).replayCommand(),
  },
  {
    name: 'report',
    description: 'write the reports of a stored run',
    load: async () => (await import('./report.ts')).reportCommand(),
  },
  {
    name: 'analyze',
    description: 'judge a run again, without a server',
    load: async () => (await import('./analyze.ts')).analyzeCommand(),
  },
  {
    name: 'merge',
    description: 'put the shards of a run together',
    load: async () => (await import('./merge.ts')).mergeCommand(),
  },
  {
    name: 'audit',
    description: 'how a client resumes: interrupts it, and judges what it sends next',
    load: async () => (await import('./audit.ts')).auditCommand(),
  },
  {
    name: 'serve',
    description: 'run the embedded reference server',
    load: async () => (await import('./serve.ts')).serveCommand(),
  },
  {
    name: 'tokenizer',
    description: 'how often a cut text encodes to other tokens',
    load: async () => (await import('./tokenizer.ts')).tokenizerCommand(),
  },
  {
    name: 'tap',
    description: 'record what passes between a gateway and an engine',
    load: async () => (await import('./tap.ts')).tapCommand(),
  },
  {
    name: 'selftest',
    description: 'try the harness on faults that are known',
    load: async () => (await import('./selftest.ts')).selftestCommand(),
  },
  {
    name: 'diff',
    description: 'what is new between two runs',
    load: async () => (await import('./diff.ts')).diffCommand(),
  },
  {
    name: 'baseline',
    description: 'make or check a file of known findings',
    load: async () => (await import('./baseline.ts')).baselineCommand(),
  },
  {
    name: 'bisect',
    description: 'name the build that brought a finding, or took it away',
    load: async () => (await import('./bisect.ts')).bisectCommand(),
  },
  {
    name: 'doctor',
    description: 'say what is missing, and how to get it',
    load: async () => (await import('./doctor.ts')).doctorCommand(),
  },
];
