import { expect, test } from 'vitest';
import { runTool } from './tool.ts';

const { signal } = new AbortController();
const node = (script: string, options = {}): ReturnType<typeof runTool> =>
  runTool(process.execPath, ['-e', script], { signal, ...options });

test('returns what was written and the status', async () => {
  const script = `console.log('out' + process.env.EXTRA); console.error('err'); process.exitCode = 3`;
  const result = await node(script, { env: { EXTRA: '!' } });
  expect(result).toEqual({ code: 3, stdout: 'out!\n', stderr: 'err\n', cut: undefined });
});

// The grandchild holds the pipes: without the whole tree killed, the result would never come.
const WITH_GRANDCHILD = `
  require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
  setInterval(() => {}, 1000);
`;

test('a timeout ends it and what it started', async () => {
  const result = await node(WITH_GRANDCHILD, { timeoutMs: 500 });
  expect(result).toMatchObject({ code: null, cut: 'timeout' });
});

test('an abort ends it and what it started', async () => {
  const result = await node(WITH_GRANDCHILD, { signal: AbortSignal.timeout(500) });
  expect(result).toMatchObject({ code: null, cut: 'aborted' });
});

test('an abort beforehand starts nothing', async () => {
  const result = await node('', { signal: AbortSignal.abort() });
  expect(result.cut).toBe('aborted');
});

test('a program that does not exist', async () => {
  const result = await runTool('seamstress-no-such-program', [], { signal });
  expect(result).toMatchObject({ code: null, cut: 'not-found' });
});
