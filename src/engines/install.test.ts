import { expect, test } from 'vitest';
import { installError } from './install.ts';

function error(stderr: string, version = '9.9.9'): [string, string, string | undefined] {
  const { code, message, hint } = installError('llama.cpp', version, { stdout: '', stderr });
  return [code, message, hint];
}

test('a version that does not exist', () => {
  const stderr =
    'ERROR: Could not find a version that satisfies the requirement xllamacpp==9.9.9 (from versions: 0.2.14, 2026.4.8929, 2026.10.11549)\n' +
    'ERROR: No matching distribution found for xllamacpp==9.9.9';
  expect(error(stderr)).toEqual([
    'engine',
    'llama.cpp 9.9.9 is not on the package index',
    'Versions that this system can install: 0.2.14, 2026.4.8929, 2026.10.11549.',
  ]);
});

test('no network', () => {
  const stderr =
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n" +
    'ERROR: Could not find a version that satisfies the requirement xllamacpp==9.9.9 (from versions: none)\n' +
    'ERROR: No matching distribution found for xllamacpp==9.9.9';
  const [code, message, hint] = error(stderr);
  expect([code, message]).toEqual(['engine', 'the package index cannot be reached']);
  expect(hint).toContain('No matching distribution');
});

test('nothing for this platform', () => {
  const stderr =
    'ERROR: Could not find a version that satisfies the requirement xllamacpp==9.9.9 (from versions: none)';
  const [code, message] = error(stderr);
  expect(code).toBe('engine');
  expect(message).toContain(`${process.platform}-${process.arch}`);
});

test('anything else: the words of pip on one line', () => {
  const [code, message] = error(
    'ERROR: Could not install packages due to an OSError:\nERROR: [Errno 28] No space left on device\n',
    '2026.4.8929',
  );
  expect(code).toBe('engine');
  expect(message).toBe(
    'pip could not install llama.cpp 2026.4.8929: Could not install packages due to an OSError: [Errno 28] No space left on device',
  );
});
