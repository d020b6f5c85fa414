/** `seamstress audit`: how a client resumes. */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { EXPECTATIONS, type Expectation } from '../audit/checks/check.ts';
import { INTERRUPTION_NAMES, INTERRUPTIONS } from '../audit/plan.ts';
import { DEFAULT_PERSONA } from '../reference/personas/catalogue.ts';
import { interruptible } from './interrupt.ts';
import { duration, list } from './options.ts';

interface AuditCommandOptions {
  readonly persona?: string;
  readonly fault?: readonly string[];
  readonly plan?: readonly string[];
  readonly config?: string;
  readonly expect?: Expectation;
  readonly prompt?: string;
  readonly timeout?: number;
  readonly isolate?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

export function auditCommand(): Command {
  const width = Math.max(...INTERRUPTION_NAMES.map((name) => name.length));
  const plans = INTERRUPTION_NAMES.map(
    (name) => `  ${name.padEnd(width)}  ${INTERRUPTIONS[name].describe}`,
  );
  return new Command('audit')
    .summary('how a client resumes: interrupts it, and judges what it sends next')
    .description(
      'Runs a client against the embedded server, interrupts its generations one way a trial, and judges what it sends next. The client gets base URL and key in OPENAI_BASE_URL, OPENAI_API_KEY, ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY, or by placeholders in its command and in files of a configuration.',
    )
    .argument('[command...]', 'the client, after --; {prompt}, {baseUrl}, {apiKey} are filled in')
    .option('--config <file>', 'an audit configuration, or the name of a built-in one: opencode')
    .option('--persona <name>', `the server that is played (default: ${DEFAULT_PERSONA})`)
    .option('--fault <name>', 'plant a fault into the embedded server; repeatable', list)
    .option('--plan <names>', 'the trials to make; repeatable (default: all below)', list)
    .addOption(
      new Option('--expect <what>', 'what the client is held to (default: resume)').choices([
        ...EXPECTATIONS,
      ]),
    )
    .option('--prompt <text>', 'what the client shall ask')
    .option('--timeout <time>', 'for each run of the client (default: 60s)', duration)
    .option('--isolate', 'an empty home, and loopback alone as network where the system permits it')
    .option('--out <folder>', 'where the audit is written (default: reports/<time>-audit-<name>)')
    .option('--json', 'print the record on standard output')
    .addHelpText(
      'after',
      `
Trials:
${plans.join('\n')}

Examples:
  seamstress audit -- node my-client.js
  seamstress audit --plan mid-thought,thinking-only --expect recover -- python agent.py {prompt}
  seamstress audit --config opencode`,
    )
    .action(async (command: string[], options: AuditCommandOptions) => {
      process.exitCode = await audit(command, options);
    });
}

async function audit(command: readonly string[], options: AuditCommandOptions): Promise<number> {
  const [{ auditClient, auditStatus }, { loadAuditConfig }, { AuditStore }, { auditReport }] =
    await Promise.all([
      import('../audit/audit.ts'),
      import('../audit/config.ts'),
      import('../audit/store.ts'),
      import('../reports/audit.ts'),
    ]);
  const config = await loadAuditConfig(options.config, {
    command: command.length === 0 ? undefined : command,
    persona: options.persona,
    faults: options.fault,
    plan: options.plan,
    expect: options.expect,
    prompt: options.prompt,
    timeoutMs: options.timeout,
    isolate: options.isolate,
  });
  const stamp = new Date().toISOString().slice(0, 16).replaceAll(':', '');
  const store = new AuditStore(options.out ?? join('reports', `${stamp}-audit-${config.name}`));
  const interrupt = interruptible();
  try {
    const record = await auditClient({
      config,
      signal: interrupt.signal,
      progress: (line) => console.error(line),
      requests: (lines) => store.requests(lines),
    });
    store.finish(record);
    process.stdout.write(
      options.json === true ? `${JSON.stringify(record)}\n` : auditReport(record, store.folder),
    );
    return auditStatus(record);
  } finally {
    interrupt.release();
  }
}
