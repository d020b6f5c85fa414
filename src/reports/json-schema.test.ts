import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { EXAMPLE_NAMES, EXAMPLES } from './hostile.test-help.ts';
import { jsonSchemaOf, type SchemaName } from './json-schema.ts';

const folder = join(import.meta.dirname, 'schema');
const NAMES: readonly SchemaName[] = ['run', 'seam', 'finding'];

/** Written anew by `vitest run -u`; never by a run that checks. */
test.each(NAMES)('the published schema is the one that reads: %s', async (name) => {
  await expect(jsonSchemaOf(name)).toMatchFileSnapshot(join(folder, `${name}.schema.json`));
});

/** What the published file alone accepts. */
function accepts(name: SchemaName, value: unknown): boolean {
  const schema = JSON.parse(
    readFileSync(join(folder, `${name}.schema.json`), 'utf8'),
  ) as Parameters<typeof z.fromJSONSchema>[0];
  return z.fromJSONSchema(schema).safeParse(value).success;
}

describe.each(EXAMPLE_NAMES)('the published schema and the run %s', (example) => {
  const run = JSON.parse(readFileSync(join(EXAMPLES, example, 'run.json'), 'utf8')) as {
    findings: object[];
    totals: object;
  };

  test('fit', () => {
    expect(accepts('run', run)).toBe(true);
    for (const finding of run.findings) expect(accepts('finding', finding)).toBe(true);
    const lines = readFileSync(join(EXAMPLES, example, 'seams.ndjson'), 'utf8')
      .trim()
      .split('\n');
    for (const line of lines.slice(0, 50)) expect(accepts('seam', JSON.parse(line))).toBe(true);
  });

  test('do not fit once something is wrong', () => {
    expect(accepts('run', { ...run, totals: undefined })).toBe(false);
    expect(accepts('run', { ...run, totals: { ...run.totals, seams: 'many' } })).toBe(false);
    expect(accepts('finding', { ...run.findings[0], verdict: 'fine' })).toBe(false);
    expect(accepts('seam', { k: 1 })).toBe(false);
  });
});
