/** `seamstress probe`: how to resume on this server, in a second or two. */
import { Command } from 'commander';
import type { Capabilities } from '../campaign/probe.ts';
import { interruptible } from './interrupt.ts';
import { withTarget } from './options.ts';
import type { TargetOptions } from './target.ts';

interface ProbeOptions extends TargetOptions {
  readonly scenario: string;
  readonly recipe?: string;
  readonly json?: boolean;
}

export function probeCommand(): Command {
  const command = new Command('probe')
    .summary('how to resume on this server')
    .description(
      'Generates one short answer and asks by the prompt check alone: is a trailing assistant message continued, with or without flags, in every phase; and which recipe is exact.',
    );
  return withTarget(command)
    .option('--scenario <id>', 'the scenario of the built-in pack to probe with', 'thinking')
    .option('--recipe <name>', 'verify this recipe instead of searching one')
    .option('--json', 'print what a client can store, as JSON')
    .action(async (options: ProbeOptions) => {
      process.exitCode = await probe(options);
    });
}

async function probe(options: ProbeOptions): Promise<number> {
  const [
    { loadScenarios },
    { probeTarget },
    { openTarget },
    { SeamstressError },
    { strategiesNamed },
  ] = await Promise.all([
    import('../scenario/load.ts'),
    import('../campaign/probe.ts'),
    import('./target.ts'),
    import('../errors.ts'),
    import('../seam/named.ts'),
  ]);
  if (options.recipe !== undefined) strategiesNamed([options.recipe]);
  const scenarios = await loadScenarios([]);
  const scenario = scenarios.find(({ id }) => id === options.scenario);
  if (scenario === undefined)
    throw new SeamstressError('usage', `there is no scenario "${options.scenario}"`, {
      hint: `Scenarios: ${scenarios.map(({ id }) => id).join(', ')}.`,
    });
  const interrupt = interruptible();
  const open = await openTarget(options, 1, interrupt.signal, (line) => console.error(line));
  try {
    const found = await probeTarget(open.target, scenario, options.recipe, interrupt.signal);
    process.stdout.write(
      options.json === true ? `${JSON.stringify(found)}\n` : await textOf(found),
    );
    return found.exact.of > 0 && found.exact.cuts === found.exact.of ? 0 : 1;
  } finally {
    await open.close();
    interrupt.release();
  }
}

async function textOf(found: Capabilities): Promise<string> {
  const { visible } = await import('../tokens/text.ts');
  const { engine } = found.target;
  const lines = found.answers.flatMap(({ question, verdict, why }) =>
    verdict === undefined
      ? []
      : [`  ${verdict.padEnd(9)} ${question}${why === undefined ? '' : `: ${visible(why)}`}`],
  );
  const { cuts, of } = found.exact;
  return [
    visible(
      [engine.name, engine.version, engine.build].filter((part) => part !== undefined).join(' '),
    ),
    ...lines,
    `  token ids: ${found.ids.stream} in a chat stream, all by completion; a resume by ids is ${found.tokenIdsExact ? 'exact' : 'not exact'}`,
    found.recipe === undefined
      ? 'recipe: none'
      : `recipe (${found.layer}): ${found.recipe}, exact at ${cuts} of ${of} cuts of this answer`,
    '',
  ].join('\n');
}
