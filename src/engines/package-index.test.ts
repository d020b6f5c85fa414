import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pipTrouble, versionsNear, versionsOnIndex } from './package-index.ts';

describe('versionsOnIndex, with a pip of our own', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'seamstress-index-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function ask(script: string, timeoutMs = 10_000): ReturnType<typeof versionsOnIndex> {
    const pip = join(folder, `${Math.random()}.mjs`);
    await writeFile(pip, script);
    const { signal } = new AbortController();
    return versionsOnIndex([process.execPath, pip], 'xllamacpp', { signal, timeoutMs });
  }

  test('reads the list', async () => {
    const answer = await ask(`
      console.error('WARNING: pip index is currently an experimental command.');
      console.log('xllamacpp (2026.10.11549)\\nAvailable versions: 2026.10.11549, 2026.4.8929, 0.2.10');
    `);
    expect(answer).toEqual({ versions: ['2026.10.11549', '2026.4.8929', '0.2.10'] });
  });

  test('asks for wheels only, and without being asked anything', async () => {
    const answer = await ask(
      `console.log('Available versions: ' + process.argv.slice(2).join(' ') + ', ' + process.env.PIP_NO_INPUT)`,
    );
    expect(answer).toEqual({
      versions: ['-m pip index versions xllamacpp --only-binary :all:', '1'],
    });
  });

  test('says what pip complains about', async () => {
    const answer = await ask(
      `console.error('ERROR: No matching distribution found for xllamacpp'); process.exit(1)`,
    );
    expect(answer).toEqual({ trouble: 'No matching distribution found for xllamacpp' });
  });

  test('does not wait for ever', async () => {
    expect(await ask('setInterval(() => {}, 1000)', 200)).toEqual({
      trouble: 'no answer within 0.2 s',
    });
  });
});

describe('pipTrouble', () => {
  test('prefers errors to warnings and notices', () => {
    const output =
      'WARNING: Retrying\nERROR: Could not find it\nERROR: No match\n\n[notice] A new release of pip';
    expect(pipTrouble(output)).toBe('Could not find it No match');
  });

  test('takes the last words where there is no error', () => {
    expect(pipTrouble('Traceback\n  File "x"\nValueError: no\n')).toBe('File "x" ValueError: no');
  });

  test('is never long and never empty', () => {
    expect(pipTrouble(`ERROR: ${'x'.repeat(1000)}`)).toHaveLength(300);
    expect(pipTrouble('\n')).toBe('pip gave no reason');
  });
});

test.each([
  ['9.9.9', ['0.2.13', '0.2.14', '2026.4.8672', '2026.4.8929', '2026.10.11549']],
  ['2026.4.8900', ['0.2.14', '2026.4.8672', '2026.4.8929', '2026.10.11549']],
  ['2027.1.1', ['2026.4.8929', '2026.10.11549']],
  ['0.0.1', ['0.2.13', '0.2.14', '2026.10.11549']],
])('versions near %s', (wanted, near) => {
  const versions = ['2026.10.11549', '2026.4.8929', '2026.4.8672', '0.2.14', '0.2.13'];
  expect(versionsNear(wanted, versions)).toEqual(near);
});
