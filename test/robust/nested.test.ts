/** A server that nests what it says without an end: a named error, never a bug of ours. */
import { describe, expect, test } from 'vitest';
import { packOf, seamstress, temporaryFolder } from '../commands/cli.test-help.ts';
import { behindProxy } from '../commands/server.test-help.ts';

const cwd = temporaryFolder();
const pack = packOf(cwd, ['add']);

/** Two shapes of a nested value, whole. */
const NESTED = [
  (levels: number) => '['.repeat(levels) + ']'.repeat(levels),
  (levels: number) => '{"error":'.repeat(levels) + '1' + '}'.repeat(levels),
];

async function survives(target: string): Promise<string> {
  const args = ['--target', target, '--cuts', '2', '--seed', '1', '--out', 'out'];
  const ran = await seamstress(['run', pack, ...args], {
    cwd,
    env: { NODE_OPTIONS: '--max-old-space-size=512' },
  });
  expect(ran.stderr).not.toMatch(/bug in seamstress|^ {4}at |heap out of memory|RangeError/m);
  expect([0, 1, 3]).toContain(ran.status);
  return ran.stderr + ran.stdout;
}

describe.each(NESTED.map((nest, i) => [['lists', 'objects'][i], nest] as const))(
  'nested %s in',
  (_, nest) => {
    test.each([
      ['the properties', '/props', 20_000],
      ['the properties, as many as a body can hold', '/props', 4_000_000],
      ['the list of models', '/v1/models', 20_000],
      ['a rendered prompt', '/apply-template', 20_000],
      ['tokens', '/tokenize', 20_000],
    ])('%s', async (_what, at, levels) => {
      const target = await behindProxy(({ path, response }) => {
        if (path !== at) return false;
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(`{"x":${nest(levels)}}`);
        return true;
      });
      expect(await survives(target)).toMatch(/too deeply nested \(more than 500 levels\)/);
    });

    test('a refusal, and in an event', async () => {
      for (const status of [400, 500, 200]) {
        const target = await behindProxy(({ path, body, response }) => {
          if (!path.endsWith('/chat/completions') || !body.includes('"assistant"')) return false;
          if (status === 200) {
            response.writeHead(200, { 'content-type': 'text/event-stream' });
            response.end(`data: {"choices":[],"x":${nest(20_000)}}\n\ndata: [DONE]\n\n`);
          } else response.writeHead(status).end(`{"error":${nest(3000)}}`);
          return true;
        });
        await survives(target);
      }
    });
  },
);
