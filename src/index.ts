/** The public API: run a campaign from code, judge seams, read records. */
export { auditClient, auditStatus, type AuditOptions } from './audit/audit.ts';
export { loadAuditConfig, type AuditConfig } from './audit/config.ts';
export {
  auditSchema,
  requestLineSchema,
  type AuditFinding,
  type AuditRecord,
  type RequestLine,
} from './audit/record.ts';
export { runCampaign, type CampaignOptions } from './campaign/run.ts';
export type { RunEvent, RunListener } from './campaign/events.ts';
export { replayFinding, type Replay, type ReplayOutcome } from './campaign/replay.ts';
export { probeTarget, type ProbeResult } from './campaign/probe.ts';
export { VERDICTS, type CheckName, type Verdict } from './checks/verdict.ts';
export { ResumeError, type PromptDifference, type ResumeProblem } from './client/error.ts';
export type { CutCause, ResumeEvent } from './client/events.ts';
export { expectExactResume, type ExactResumeOptions } from './client/expect.ts';
export type { Recipe } from './client/recipe.ts';
export { recoverThinkingOnly, type Recovered, type RecoverOptions } from './client/recover.ts';
export { resume, type ResumeOptions } from './client/resume.ts';
export { CAUSES, type Cause, type Culprit } from './diagnosis/causes.ts';
export type { ConnectOptions, Dialect, Target, TargetIdentity } from './dialects/dialect.ts';
export { llamacpp } from './dialects/llamacpp.ts';
export { SeamstressError, type ErrorCode } from './errors.ts';
export { FAULTS, parseFault, type PlantedFault } from './reference/faults.ts';
export { startReference, type ReferenceOptions, type ReferenceServer } from './reference/server.ts';
export {
  parseReportSpec,
  REPORT_KINDS,
  writeReports,
  type ReportSpec,
} from './reports/emit/emit.ts';
export { eventSink, type EventSink } from './reports/emit/events.ts';
export {
  findingSchema,
  readRecord,
  runSchema,
  seamLineSchema,
  type Finding,
  type RunRecord,
  type SeamLine,
} from './reports/record.ts';
export { RunStore } from './reports/store.ts';
export { terminalReport } from './reports/terminal/terminal.ts';
export { loadScenarios } from './scenario/load.ts';
export type { Scenario } from './scenario/schema.ts';
export { PHASES, type Phase, type View } from './seam/generation.ts';
export { strategiesNamed } from './seam/named.ts';
export {
  afterAnswer,
  afterRefusal,
  startRecovery,
  type ReadAnswer,
  type Recovery,
  type RecoveryAsk,
  type RecoveryOutcome,
} from './seam/recovery.ts';
export { STRATEGIES, type Strategy } from './seam/strategy.ts';
