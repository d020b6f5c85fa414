import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { withHeartbeat } from './heartbeat.ts';

test('announces, counts, and stops when the work ends', async () => {
  const lines: string[] = [];
  const result = await withHeartbeat(
    'sewing',
    (line) => lines.push(line),
    () => sleep(120, 7),
    50,
  );
  const count = lines.length;
  expect(result).toBe(7);
  expect(lines[0]).toBe('sewing…');
  expect(lines.slice(1)).toContain('sewing… 0 s');
  await sleep(80);
  expect(lines).toHaveLength(count);
});

test('stops when the work fails', async () => {
  const lines: string[] = [];
  const work = withHeartbeat(
    'sewing',
    (line) => lines.push(line),
    () => Promise.reject(new Error('knot')),
    20,
  );
  await expect(work).rejects.toThrow('knot');
  await sleep(50);
  expect(lines).toEqual(['sewing…']);
});
