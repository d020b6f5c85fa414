/** An audit: a real client against the embedded server, interrupted on a plan, and judged. */
import { randomBytes } from 'node:crypto';
import { parseFault } from '../reference/faults.ts';
import { personaNamed, requireFaulty } from '../reference/personas/catalogue.ts';
import { startReference } from '../reference/server.ts';
import { TOOL } from '../tool.ts';
import { judgeTrial } from './checks/catalogue.ts';
import type { CommandEnd, Control, Observation } from './checks/check.ts';
import type { ClientRun } from './client.ts';
import type { AuditConfig, TrialPlan } from './config.ts';
import { provideClient } from './install.ts';
import { bestIsolation, type Isolation } from './isolation.ts';
import { AUDIT_VERSION, type AuditRecord, type RecordedTrial, type RequestLine } from './record.ts';
import { evidenceOf, Redactor } from './redact.ts';
import { sequelOf } from './sequel.ts';
import { findingsOf, tallyOf } from './summary.ts';
import { runTrial, type Bench, type TrialRun } from './trial.ts';

/** Kept of each output in the record, from its end. */
const KEPT_OUTPUT = 2000;

export interface AuditOptions {
  readonly config: AuditConfig;
  readonly signal: AbortSignal;
  /** Told what goes on, one plain line at a time. @defaultValue silence */
  readonly progress?: (line: string) => void;
  /** Takes each trial's requests, redacted. @defaultValue they are dropped */
  readonly requests?: (lines: readonly RequestLine[]) => void;
}

/**
 * Audits a client: one uninterrupted run, then each trial of the plan, one interruption each. The
 * server listens on loopback; the client's processes are ended on every way out.
 *
 * @throws {SeamstressError} `usage` for an unknown persona or fault, `engine` when the client
 *   cannot be installed; never for what the client does: that is in the record
 */
export async function auditClient(options: AuditOptions): Promise<AuditRecord> {
  const { config, signal, progress = () => {} } = options;
  const startedAt = new Date().toISOString();
  if (config.faults.length > 0) requireFaulty(config.persona);
  const faults = config.faults.map(parseFault);
  const persona = await personaNamed(config.persona);
  const { npm } = config.client;
  const program = npm === undefined ? undefined : await provideClient(npm, signal, progress);
  const isolation: Isolation = config.client.isolate ? await bestIsolation(signal) : 'none';
  if (config.client.isolate && isolation !== 'network')
    progress('no network namespace to be had here: the client can reach the network');
  const server = await startReference({ persona, faults });
  try {
    const key = `sk-audit-${randomBytes(18).toString('hex')}`;
    const bench: Bench = { config, upstream: server.url, key, program, isolation, signal };
    return await audit(bench, options, { startedAt, progress });
  } finally {
    await server.close();
  }
}

const CONTROL = 'control';

async function audit(
  bench: Bench,
  { requests = () => {} }: AuditOptions,
  { startedAt, progress }: { startedAt: string; progress: (line: string) => void },
): Promise<AuditRecord> {
  const { config, signal } = bench;
  const trials: RecordedTrial[] = [];
  const plan: TrialPlan = {
    name: CONTROL,
    interruption: { refusePrefill: false },
    prompt: config.prompt,
    named: true,
  };
  const problems: string[] = [];
  const notTested: { what: string; why: string }[] = [];
  let control: Control | undefined;
  const make = async (trial: TrialPlan): Promise<TrialRun> => {
    progress(`${trial.name}…`);
    const run = await runTrial(bench, trial);
    const redactor = redactorOf(bench, run);
    const seen = observe(config, trial, run, control);
    requests(linesOf(trial.name, run, redactor));
    trials.push(recorded(trial, run, seen, redactor));
    return run;
  };
  const first = await make(plan);
  const trouble = troubleOf(first);
  if (trouble !== undefined) problems.push(trouble);
  else control = controlOf(first);
  for (const trial of trouble === undefined ? config.trials : []) {
    if (signal.aborted) break;
    const run = await make(trial);
    const why = missed(run, trial);
    if (why === undefined) continue;
    notTested.push({ what: trial.name, why });
    if (trial.named) problems.push(`${trial.name}: ${why}`);
  }
  const findings = findingsOf(trials);
  const checks = tallyOf(trials);
  const tested = Object.values(checks).some((row) => row.pass + row.fail > 0);
  if (!tested && problems.length === 0) problems.push('nothing was tested');
  return {
    kind: 'audit',
    schemaVersion: AUDIT_VERSION,
    tool: TOOL,
    startedAt,
    finishedAt: new Date().toISOString(),
    interrupted: signal.aborted,
    name: config.name,
    client: {
      ...(config.client.npm === undefined
        ? {}
        : { package: config.client.npm.package, version: config.client.npm.version }),
      command: new Redactor({}).json(config.client.command) as string[],
      isolation: bench.isolation,
    },
    server: { persona: config.persona, faults: config.faults },
    expect: config.expect,
    checks,
    trials,
    findings,
    notTested,
    problems,
  };
}

/** Why the uninterrupted run shows nothing; undefined where the client works. */
function troubleOf({ turns, runs }: TrialRun): string | undefined {
  const run = runs[0];
  if (run === undefined) return 'the client was not started';
  if (run.ended === 'aborted') return 'stopped before the client had run';
  if (run.ended === 'not-started') return `the client cannot be started: ${run.stderr.trim()}`;
  if (turns.length === 0)
    return run.ended === 'timeout'
      ? 'the client asked for nothing before its time was over'
      : `the client never asked the server (exit status ${run.status})`;
  if (run.ended === 'timeout') return 'the client did not end before its time was over';
  if (run.status !== 0)
    return `the client fails without any interruption (exit status ${run.status})`;
  return undefined;
}

/** Why a trial shows less than it should; undefined where it was made. */
function missed({ struck, turns, runs }: TrialRun, trial: TrialPlan): string | undefined {
  const { at, how, refusePrefill } = trial.interruption;
  const refused = turns.some(({ end }) => end === 'refused');
  const last = runs.at(-1);
  if (turns.length === 0) return 'the client asked for nothing';
  if (at !== undefined && how !== undefined && struck === undefined && !refused) {
    const streams = turns.some(({ asked }) => asked.stream);
    return streams || at === 'start'
      ? 'no answer came to the place of the interruption'
      : 'the client does not stream its answers';
  }
  if (at === undefined && refusePrefill && !refused)
    return 'it never ended a request with an assistant message';
  if (last?.ended === 'timeout') return 'the client did not end before its time was over';
  return undefined;
}

function controlOf({ turns, runs }: TrialRun): Control {
  const longest = turns
    .map(({ delivered }) => delivered.content)
    .toSorted((a, b) => b.length - a.length);
  return { content: longest[0] ?? '', stdout: runs.map(({ stdout }) => stdout).join('') };
}

function observe(
  config: AuditConfig,
  trial: TrialPlan,
  { turns, struck, runs }: TrialRun,
  control: Control | undefined,
): Observation {
  return {
    interruption: trial.interruption,
    expect: config.expect,
    turns,
    sequel: sequelOf(turns, struck),
    commands: runs.map((run) => commandEnd(run, config.client.saysFailure)),
    control,
    stallMs: config.stallMs,
    retryAfterMs: config.retryAfterSeconds * 1000,
    maxAttempts: config.maxAttempts,
  };
}

function commandEnd(run: ClientRun, saysFailure: RegExp | undefined): CommandEnd {
  const said = saysFailure?.test(run.stdout) === true || saysFailure?.test(run.stderr) === true;
  return {
    status: run.status,
    timedOut: run.ended === 'timeout' || run.ended === 'aborted',
    saidFailure: said,
    stdout: run.stdout,
  };
}

function redactorOf({ key, program }: Bench, { folder, url }: TrialRun): Redactor {
  return new Redactor({
    [key]: '{apiKey}',
    [folder]: '{folder}',
    [url]: '{url}',
    [new URL(url).host]: '{host}',
    ...(program === undefined ? {} : { [program]: '{program}' }),
  });
}

function recorded(
  trial: TrialPlan,
  run: TrialRun,
  seen: Observation,
  redactor: Redactor,
): RecordedTrial {
  const end = (text: string): string => redactor.text(text).slice(-KEPT_OUTPUT);
  return {
    name: trial.name,
    interruption: trial.interruption,
    prompt: trial.prompt,
    ...(trial.next === undefined ? {} : { next: trial.next }),
    made: run.struck !== undefined || run.turns.some((turn) => turn.end === 'refused'),
    ...(run.struck === undefined ? {} : { struck: run.struck }),
    requests: run.turns.length,
    others: run.others,
    commands: run.runs.map(({ status, ended, ms, stdout, stderr }) => ({
      status,
      ended,
      ms: Math.round(ms),
      stdout: end(stdout),
      stderr: end(stderr),
    })),
    checks: redactor.json(judgeTrial(seen)) as RecordedTrial['checks'],
  };
}

function linesOf(trial: string, { turns }: TrialRun, redactor: Redactor): RequestLine[] {
  return turns.map((turn) => {
    const { n, command, atMs, endMs, path, status, end, delivered, refusal, body } = turn;
    return redactor.json({
      trial,
      n,
      command,
      atMs: Math.round(atMs),
      endMs: Math.round(endMs),
      path,
      status,
      end,
      delivered,
      ...(refusal === undefined ? {} : { refusal }),
      request: evidenceOf(body),
    }) as RequestLine;
  });
}

/** The exit status of an audit, as the command contract has it. */
export function auditStatus(record: AuditRecord): 0 | 1 | 3 | 130 {
  if (record.interrupted) return 130;
  if (record.findings.length > 0) return 1;
  return record.problems.length > 0 ? 3 : 0;
}
