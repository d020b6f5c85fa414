/** A baseline's file: reading it, with the line of every mistake, and writing one from a run. */
import { isNode, LineCounter, parseDocument, stringify, type Document } from 'yaml';
import { z } from 'zod';
import { CAUSE_NAMES } from '../../diagnosis/causes.ts';
import { messageOf, SeamstressError } from '../../errors.ts';
import { readWithin } from '../../read-file.ts';
import { MAX_DEPTH, nestsTooDeeply } from '../../scenario/nesting.ts';
import { suggest } from '../../scenario/suggest.ts';
import { PHASES } from '../../seam/generation.ts';
import type { Baseline, KnownFinding } from './baseline.ts';
import type { RunRecord } from '../record.ts';

const known: z.ZodType<KnownFinding> = z.strictObject({
  cause: z.enum(CAUSE_NAMES),
  detail: z.string().optional(),
  phase: z.enum(PHASES).optional(),
  strategy: z.string().min(1).optional(),
  reason: z.string().trim().min(1, 'say why it is known'),
  owner: z.url({
    protocol: /^(?:https?|mailto)$/,
    error: 'expected a link: https://… or mailto:…',
  }),
  expires: z.iso.date({ error: 'expected a day as YYYY-MM-DD' }),
});

/** The schema of a baseline's file. */
export const baselineSchema: z.ZodType<Baseline> = z.strictObject({
  version: z.literal(1, { error: 'expected 1' }),
  known: z.array(known),
});

/** Largest file that is read, in bytes. */
const LARGEST = 1024 * 1024;

/** Problems that are told at once; the rest is counted. */
const MOST_PROBLEMS = 10;

/**
 * Reads a baseline, YAML or JSON.
 *
 * @throws {SeamstressError} `config` when it cannot be read, or with the place of each mistake
 */
export async function loadBaseline(file: string): Promise<Baseline> {
  const hint = 'Make one with seamstress baseline.';
  const bytes = readWithin(file, { most: LARGEST, what: 'a baseline', hint });
  return parseBaseline(bytes.toString('utf8'), file);
}

/**
 * @param file how messages call the file
 * @throws {SeamstressError} `config` with the place of each mistake
 */
export function parseBaseline(text: string, file: string): Baseline {
  const lines = new LineCounter();
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  if (nestsTooDeeply(text))
    throw refused([`${place(0)}: nested more than ${MAX_DEPTH} levels deep`]);
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: 'core',
    logLevel: 'error',
  });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0)
    throw refused(faults.map((fault) => `${place(fault.pos[0])}: ${fault.message}`));
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw refused([`${place(0)}: ${messageOf(error)}`]);
  }
  const parsed = baselineSchema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw refused(
    parsed.error.issues.flatMap((issue) => {
      const unknown = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
      return unknown.map((key) => {
        const path = key === undefined ? issue.path : [...issue.path, key];
        return `${place(offsetOf(document, path))}: ${named(path)}${reason(issue, key)}`;
      });
    }),
  );
}

function refused(problems: readonly string[]): SeamstressError {
  const [first = '', ...rest] = problems.map((problem) => problem.replaceAll(/\s+/g, ' '));
  const more = rest.length - MOST_PROBLEMS;
  return new SeamstressError('config', first, {
    hint: [
      ...rest.slice(0, MOST_PROBLEMS),
      ...(more > 0 ? [`and ${more} more`] : []),
      'Each entry of "known" has cause, reason, owner and expires; detail, phase and strategy narrow it.',
    ].join('\n'),
  });
}

function named(path: readonly PropertyKey[]): string {
  const text = path
    .map((part, i) =>
      typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`,
    )
    .join('');
  return text === '' ? '' : `${text}: `;
}

function reason(issue: z.core.$ZodIssue, unknown: string | undefined): string {
  if (unknown !== undefined) return 'unknown field';
  if (issue.code === 'invalid_type' && issue.path.length === 0)
    return 'a baseline has the fields "version" and "known"';
  if (issue.input === undefined) return 'missing';
  if (issue.code !== 'invalid_value' || issue.path.at(-1) !== 'cause') return issue.message;
  const given = typeof issue.input === 'string' ? suggest(issue.input, CAUSE_NAMES) : undefined;
  return `there is no such cause${given === undefined ? '' : ` (did you mean "${given}"?)`}`;
}

/** Where a field is; for one that is missing, where its nearest parent is. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

/** What every entry of a new baseline says. */
export interface EntryFacts {
  readonly reason: string;
  readonly owner: string;
  readonly expires: string;
}

/**
 * The text of a baseline that knows all findings of a run: one entry a finding, wherever it is.
 *
 * @throws {SeamstressError} `usage` when the facts do not fit
 */
export function baselineOf(record: RunRecord, facts: EntryFacts): string {
  const value = {
    version: 1,
    known: record.findings.map(({ cause, detail }) => ({
      cause,
      ...(detail === '' ? {} : { detail }),
      ...facts,
    })),
  };
  const parsed = z
    .strictObject({
      reason: z.string().trim().min(1, 'say why it is known'),
      owner: z.url({
        protocol: /^(?:https?|mailto)$/,
        error: 'expected a link: https://… or mailto:…',
      }),
      expires: z.iso.date({ error: 'expected a day as YYYY-MM-DD' }),
    })
    .safeParse(facts);
  const issue = parsed.error?.issues[0];
  if (issue !== undefined)
    throw new SeamstressError('usage', `--${String(issue.path[0])}: ${issue.message}`, {
      hint: 'For example --reason "waits for the fix" --owner https://… --expires 2030-01-31.',
    });
  return stringify(value);
}
