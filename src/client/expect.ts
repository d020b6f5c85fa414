/** An assertion for test runners: this server resumes exactly. */
import { AssertionError } from 'node:assert';
import { resolve } from 'node:path';
import { runCampaign } from '../campaign/run.ts';
import { FAILING } from '../checks/verdict.ts';
import { CAUSES } from '../diagnosis/causes.ts';
import type { Target } from '../dialects/dialect.ts';
import { connect, dialectNamed } from '../dialects/registry.ts';
import { SeamstressError } from '../errors.ts';
import { conclusive } from '../reports/matrix.ts';
import type { Finding, RunRecord } from '../reports/record.ts';
import { NOWHERE, RunStore } from '../reports/store.ts';
import { findingLines } from '../reports/terminal/terminal.ts';
import { loadScenarios } from '../scenario/load.ts';
import type { Scenario } from '../scenario/schema.ts';
import { strategiesNamed } from '../seam/named.ts';
import { visible } from '../tokens/text.ts';
import type { Recipe } from './recipe.ts';

export interface ExactResumeOptions {
  /** The root URL of a server, or a target that is already connected; that one is left open. */
  readonly target: string | Target;
  /** With a URL: the server's API. @defaultValue 'auto' */
  readonly dialect?: string;
  /** With a URL: the model to ask for. @defaultValue the first one served */
  readonly model?: string;
  /** With a URL: sent as a bearer token. */
  readonly apiKey?: string;
  /** Scenarios, or files, folders and packs of them. @defaultValue the built-in pack `thinker` */
  readonly scenarios?: readonly (Scenario | string)[];
  /** Of these scenarios only those with these ids. */
  readonly only?: readonly string[];
  /** How resumes are sent: the name of a strategy or recipe, or several. @defaultValue 'reasoning-field' */
  readonly recipe?: Recipe | readonly Recipe[];
  /** Cuts of each scenario. @defaultValue 'all' */
  readonly cuts?: 'all' | number;
  /** Tokens compared after a cut at most, where a resume is not run to its end. @defaultValue 24 */
  readonly compare?: number;
  /** Seams judged at once. @defaultValue 8 */
  readonly concurrency?: number;
  /** Decides which cuts are resumed for real. @defaultValue 1 */
  readonly seed?: number;
  /** Known findings that are not to fail the assertion: causes, or ids of findings. @defaultValue none */
  readonly allowed?: readonly string[];
  /** A folder for the run, with all that `seamstress replay` needs. @defaultValue nothing is written */
  readonly out?: string;
  readonly signal?: AbortSignal;
}

/**
 * Asserts that a server resumes exactly: runs a campaign, and fails where it has findings that are
 * not allowed, and where it could not test what it was to test. It never passes without at least
 * one seam that was judged.
 *
 * @returns the run's record
 * @throws {AssertionError} with the findings in words
 * @throws {SeamstressError} `usage` and `config` for options that cannot be used, `target` when the
 *   server cannot be reached or generates nothing, `interrupted` when the signal aborts
 */
export async function expectExactResume(options: ExactResumeOptions): Promise<RunRecord> {
  const allowed = allowedOf(options.allowed ?? []);
  const strategies = strategiesNamed(namesOf(options.recipe ?? 'reasoning-field'));
  const scenarios = await scenariosOf(options);
  const signal = options.signal ?? new AbortController().signal;
  const target = await targetOf(options, signal);
  let record: RunRecord;
  try {
    record = await runCampaign(
      target,
      {
        scenarios,
        strategies,
        lossy: true,
        mode: 'sweep',
        cuts: options.cuts ?? 'all',
        cases: 0,
        compare: options.compare ?? 24,
        concurrency: options.concurrency ?? 8,
        seed: options.seed ?? 1,
        maxTimeMs: undefined,
        signal,
        cache: false,
      },
      options.out === undefined ? NOWHERE : new RunStore(options.out),
      () => {},
    );
  } finally {
    if (target !== options.target) await target.close();
  }
  if (record.interrupted === 'signal')
    throw new SeamstressError('interrupted', 'the campaign was interrupted');
  const bad = record.findings.filter(
    (finding) => FAILING.has(finding.verdict) && !allowed(finding),
  );
  const untested = untestedOf(record);
  if (bad.length === 0 && untested.length === 0) return record;
  throw new AssertionError({
    message: messageOf(record, bad, untested, options.out),
    actual: [...bad.map(lineOf), ...untested],
    expected: [],
    operator: 'expectExactResume',
  });
}

function namesOf(recipe: Recipe | readonly Recipe[]): string[] {
  const recipes: readonly Recipe[] = isList(recipe) ? recipe : [recipe];
  if (recipes.length === 0)
    throw new SeamstressError('usage', 'there is no recipe to test', { hint: 'Name one.' });
  return recipes.map((one) => {
    const name = typeof one === 'string' ? one : one.recipe;
    if (name !== undefined) return name;
    throw new SeamstressError('usage', 'the probe found no recipe for this server', {
      hint: 'Name the strategy that is to be tested.',
    });
  });
}

function isList(recipe: Recipe | readonly Recipe[]): recipe is readonly Recipe[] {
  return Array.isArray(recipe);
}

/** A name that is no cause and no id would allow nothing, and nobody would see it. */
function allowedOf(names: readonly string[]): (finding: Finding) => boolean {
  for (const name of names)
    if (!Object.keys(CAUSES).some((cause) => name === cause || name.startsWith(`${cause}-`)))
      throw new SeamstressError('usage', `"${name}" is no cause and no finding`, {
        hint: `Causes: ${Object.keys(CAUSES).join(', ')}.`,
      });
  return ({ id, cause }) => names.includes(id) || names.includes(cause);
}

async function scenariosOf({ scenarios = [], only }: ExactResumeOptions): Promise<Scenario[]> {
  const paths = scenarios.filter((one) => typeof one === 'string');
  const given = scenarios.filter((one) => typeof one !== 'string');
  const loaded = paths.length > 0 || given.length === 0 ? await loadScenarios(paths) : [];
  const all = [...loaded, ...given];
  if (only?.length === 0)
    throw new SeamstressError('usage', 'no scenario is to be tested', { hint: 'Name some.' });
  const missing = only?.find((id) => all.every((scenario) => scenario.id !== id));
  if (missing !== undefined)
    throw new SeamstressError('usage', `there is no scenario "${missing}"`, {
      hint: `Scenarios: ${all.map(({ id }) => id).join(', ')}.`,
    });
  return only === undefined ? all : all.filter(({ id }) => only.includes(id));
}

async function targetOf(options: ExactResumeOptions, signal: AbortSignal): Promise<Target> {
  if (typeof options.target !== 'string') return options.target;
  const { target: url, model, apiKey } = options;
  return await connect(
    dialectNamed(options.dialect ?? 'auto'),
    {
      url,
      ...(model === undefined ? {} : { model }),
      ...(apiKey === undefined ? {} : { apiKey }),
    },
    signal,
  );
}

/** What was to be tested and was not, one line each. */
function untestedOf(record: RunRecord): string[] {
  const { verdicts, seams } = record.totals;
  const judged = conclusive(verdicts);
  return [
    ...(judged > 0
      ? []
      : [seams === 0 ? 'nothing was tested' : `none of ${seams} seams came to a verdict`]),
    ...(verdicts.unstable > 0 && judged === 0
      ? ['the engine does not agree with itself; nothing can be said of its resumes']
      : []),
    ...(verdicts.error > 0 ? [`${verdicts.error} seams failed for another reason`] : []),
    ...(record.interrupted === undefined ? [] : [`the run ended early: ${record.interrupted}`]),
    ...(seams < record.plan.seams ? [`${record.plan.seams - seams} seams were left out`] : []),
    ...[...new Set(record.errors)].slice(0, 5).map((error) => visible(error)),
  ];
}

function messageOf(
  record: RunRecord,
  bad: readonly Finding[],
  untested: readonly string[],
  out: string | undefined,
): string {
  const { engine, url } = record.target;
  const { verdicts, seams } = record.totals;
  const name = [engine.name, engine.version, engine.build].filter((part) => part !== undefined);
  const fails = seams - verdicts.exact;
  const head =
    bad.length === 0
      ? `cannot say whether ${name.join(' ')} at ${url} resumes exactly`
      : `${name.join(' ')} at ${url} does not resume exactly: ${fails} of ${seams} seams, ${bad.length === 1 ? '1 cause' : `${bad.length} causes`}`;
  const lines = bad.flatMap((finding, i) =>
    findingLines(finding, i + 1).filter(
      (line) => out !== undefined || !line.startsWith('   reproduce:'),
    ),
  );
  return [
    visible(head),
    ...untested.map((line) => `  ${line}`),
    ...lines.map((line) => (line === '' ? '' : `  ${line}`)),
    ...(out === undefined ? [] : ['', `  ${resolve(out)}`]),
  ].join('\n');
}

function lineOf({ verdict, cause, count }: Finding): string {
  return `${verdict}: ${cause}, ${count} ${count === 1 ? 'seam' : 'seams'}`;
}
