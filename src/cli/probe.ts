/** `seamstress probe`: how to resume on this server, in a second or two. */
import { Command } from 'commander';
import type { Situation } from '../campaign/capability.ts';
import type { ProbeResult } from '../campaign/probe.ts';
import { interruptible } from './interrupt.ts';
import type { OpenHops } from './hops.ts';
import { list, withTarget, withVia } from './options.ts';
import type { TargetOptions } from './target.ts';

interface ProbeOptions extends TargetOptions {
  readonly scenario: string;
  readonly recipe?: string;
  readonly assume?: readonly string[];
  readonly json?: boolean;
}

export function probeCommand(): Command {
  const command = new Command('probe')
    .summary('how to resume on this server')
    .description(
      'Generates one short answer and asks by the prompt check alone: is a trailing assistant message continued, with or without flags, in every phase; and which recipe is exact.',
    );
  return withVia(withTarget(command))
    .option('--scenario <id>', 'the scenario of the built-in pack to probe with', 'thinking')
    .option('--recipe <name>', 'verify this recipe instead of searching one')
    .option(
      '--assume <situation=yes|no>',
      'set what is known of a trailing assistant message: plain, thinking, reasoning-only, empty, after-tool-call; repeatable',
      list,
    )
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
  const assumed = await assumptions(options.assume ?? []);
  const scenarios = await loadScenarios([]);
  const scenario = scenarios.find(({ id }) => id === options.scenario);
  if (scenario === undefined)
    throw new SeamstressError('usage', `there is no scenario "${options.scenario}"`, {
      hint: `Scenarios: ${scenarios.map(({ id }) => id).join(', ')}.`,
    });
  const interrupt = interruptible();
  const open = await openTarget(options, 1, interrupt.signal, console.error);
  let via: OpenHops | undefined;
  try {
    if (options.via !== undefined)
      via = await (
        await import('./hops.ts')
      ).openHops(options.via, open.target, interrupt.signal, console.error);
    const found = await probeTarget(
      open.target,
      scenario,
      options.recipe,
      interrupt.signal,
      assumed,
    );
    const hops = await via?.test([scenario]);
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify(hops === undefined ? found : { ...found, hops })}\n`
        : await textOf(found),
    );
    const known = found.exact.of > 0 && found.exact.cuts === found.exact.of ? 0 : 1;
    if (hops === undefined) return known;
    const { hopsReport, hopsStatus } = await import('../reports/hops.ts');
    if (options.json !== true) process.stdout.write(`\n${hopsReport(hops)}`);
    return known === 0 ? hopsStatus(hops, new Set(['drift', 'diverged', 'rejected'])) : known;
  } finally {
    await via?.close();
    await open.close();
    interrupt.release();
  }
}

async function assumptions(given: readonly string[]): Promise<Partial<Record<Situation, boolean>>> {
  const [{ SITUATIONS }, { SeamstressError }] = await Promise.all([
    import('../campaign/capability.ts'),
    import('../errors.ts'),
  ]);
  const assumed: Partial<Record<Situation, boolean>> = {};
  for (const text of given) {
    const [name, answer] = text.split('=');
    const situation = SITUATIONS.find((known) => known === name);
    if (situation === undefined || (answer !== 'yes' && answer !== 'no'))
      throw new SeamstressError('usage', `--assume does not understand "${text}"`, {
        hint: `SITUATION=yes or =no, with one of ${SITUATIONS.join(', ')}.`,
      });
    assumed[situation] = answer === 'yes';
  }
  return assumed;
}

async function textOf(found: ProbeResult): Promise<string> {
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
    '  a trailing assistant message is continued:',
    ...found.prefill.map(
      ({ situation, works, layer, flags, why }) =>
        `    ${situation.padEnd(16)} ${works ? 'yes' : 'no '}  ${flags === 'needed' ? 'with flags, ' : ''}${layer}: ${visible(why)}`,
    ),
    `  the prefill is ${found.echo === undefined ? 'never accepted' : found.echo ? 'sent again before the new text' : 'not echoed'}`,
    '  cuts of one answer, resumed:',
    ...lines.map((line) => `  ${line}`),
    `  token ids: ${found.ids.stream} in a chat stream, all by completion; a resume by ids is ${found.tokenIdsExact ? 'exact' : 'not exact'}`,
    found.recipe === undefined
      ? 'recipe: none'
      : `recipe (${found.layer}): ${found.recipe}, exact at ${cuts} of ${of} cuts of this answer`,
    '',
  ].join('\n');
}
