/** `seamstress replay`: is a finding still there? */
import { Command } from 'commander';
import type { Finding } from '../reports/record.ts';
import { visible } from '../tokens/text.ts';
import { interruptible } from './interrupt.ts';
import { withTarget } from './options.ts';
import type { TargetOptions } from './target.ts';

const EXIT = { reproduced: 1, changed: 1, gone: 0, unusable: 3 } as const;

export function replayCommand(): Command {
  const command = new Command('replay')
    .summary('judge a finding again')
    .description(
      'Judges the smallest example of a finding again and says reproduced, gone or changed. Without a target, the engine or server of the finding is used.',
    )
    .argument('<finding>', 'a file of findings/');
  return withTarget(command)
    .option('--json', 'print the result as JSON')
    .action(async (path: string, options: TargetOptions & { readonly json?: boolean }) => {
      process.exitCode = await replay(path, options);
    });
}

async function replay(
  path: string,
  options: TargetOptions & { readonly json?: boolean },
): Promise<number> {
  const [{ openTarget }, { replayFinding }, { readFinding }] = await Promise.all([
    import('./target.ts'),
    import('../campaign/replay.ts'),
    import('../reports/emit/source.ts'),
  ]);
  const finding = readFinding(path);
  const interrupt = interruptible();
  const seed = finding.target.faultSeed ?? 1;
  const open = await openTarget(sameTarget(finding, options), seed, interrupt.signal, (line) =>
    console.error(line),
  );
  try {
    const { outcome, text, seam } = await replayFinding(open.target, finding, interrupt.signal);
    console.log(
      options.json === true
        ? JSON.stringify({ outcome, text, verdict: seam.verdict, target: open.target.identity })
        : `${outcome}: ${visible(text)}`,
    );
    return EXIT[outcome];
  } finally {
    await open.close();
    interrupt.release();
  }
}

/** The target of the finding, unless another one is named. */
function sameTarget(finding: Finding, options: TargetOptions): TargetOptions {
  if (
    options.target !== undefined ||
    options.engine !== undefined ||
    options.engineCommand !== undefined
  )
    return options;
  const { engine, url } = finding.target;
  if (engine.name === 'reference') {
    const fault = options.fault ?? finding.target.faults;
    const persona = engine.version;
    return {
      ...options,
      target: 'reference',
      ...(fault === undefined ? {} : { fault }),
      ...(persona === undefined ? {} : { persona }),
    };
  }
  return engine.version === undefined
    ? { ...options, target: url, toldByRecord: true }
    : { ...options, engine: `${engine.name}@${engine.version}` };
}
