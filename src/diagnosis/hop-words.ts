/** What a hop did, in one clause: `drops a and b, rewrites the endpoint to /x`. */
import type { FieldChange } from './hop-fields.ts';

/** The gravest first. */
const VERBS = [
  ['dropped', 'drops'],
  ['rewritten', 'rewrites'],
  ['trimmed', 'trims'],
  ['joined', 'joins the parts of'],
  ['renamed', 'renames'],
  ['moved', 'moves'],
] as const;

/** Fields whose change says nothing about a resume. */
const PLAIN = /^(?:stream|stream_options|user|metadata|n|max_tokens|temperature)$/;

/** The clause; empty when everything that was sent was kept or only stands in another shape. */
export function wordsOf(
  changes: readonly Pick<FieldChange, 'field' | 'change' | 'detail'>[],
  endpoint: string,
): string {
  const clauses: string[] = [];
  for (const [change, verb] of VERBS) {
    const own = changes.filter((one) => one.change === change && !PLAIN.test(one.field));
    if (own.length === 0) continue;
    const fields = [...new Set(own.map((one) => describe(one, endpoint)))];
    clauses.push(`${verb} ${listed(fields)}`);
  }
  return clauses.join(', ');
}

function describe(
  { field, change, detail }: Pick<FieldChange, 'field' | 'change' | 'detail'>,
  endpoint: string,
): string {
  if (field === 'endpoint') return `the endpoint to ${endpoint}`;
  if (detail === '') return field;
  if (change === 'trimmed') return `${field} (${detail})`;
  if (change === 'joined') return `${field} with ${JSON.stringify(detail)}`;
  return `${field} to ${detail}`;
}

function listed(items: readonly string[]): string {
  return items.length < 2
    ? items.join('')
    : `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`;
}
