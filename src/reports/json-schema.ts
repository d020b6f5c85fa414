/** The record's schema as JSON Schema, made from the one that reads it. */
import { z } from 'zod';
import { findingSchema, runSchema, seamLineSchema } from './record.ts';

/** The files of a run that have a published schema. */
const SCHEMAS: Readonly<
  Record<'run' | 'seam' | 'finding', { readonly schema: z.ZodType; readonly title: string }>
> = {
  run: { schema: runSchema, title: 'seamstress run record (run.json)' },
  seam: { schema: seamLineSchema, title: 'seamstress judged seam (a line of seams.ndjson)' },
  finding: { schema: findingSchema, title: 'seamstress finding (findings/<id>.json)' },
};

export type SchemaName = keyof typeof SCHEMAS;

/** What a file may hold to be read: fields with a default may be absent, as in older records. */
export function jsonSchemaOf(name: SchemaName): string {
  const { schema, title } = SCHEMAS[name];
  const made = z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' });
  const { $schema, ...rest } = made;
  return `${JSON.stringify({ $schema, title, ...rest }, undefined, 2)}\n`;
}
