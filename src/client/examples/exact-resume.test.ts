import { AssertionError } from 'node:assert';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  expectExactResume,
  parseFault,
  startReference,
  type ReferenceServer,
} from '../../index.ts';

let server: ReferenceServer; // in its place: a server of yours
beforeAll(async () => {
  server = await startReference();
});
afterAll(() => server.close());

test('my server resumes exactly, wherever a message is cut', async () => {
  await expectExactResume({
    target: server.url,
    recipe: 'reasoning-field',
    only: ['thinking', 'no-thinking'],
    cuts: 24,
  });
}, 120_000);

test('a server that loses the reasoning does not pass', async () => {
  const broken = await startReference({ faults: [parseFault('reasoning-lost')] });
  const asserted = expectExactResume({ target: broken.url, only: ['thinking'], cuts: 8 });
  await expect(asserted).rejects.toThrow(AssertionError);
  await expect(asserted).rejects.toThrow(/reasoning-dropped/);
  await broken.close();
}, 120_000);
