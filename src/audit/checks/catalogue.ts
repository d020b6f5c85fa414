/** Every check of an audit, in the order of `AUDIT_CHECKS`. */
import { answerWhole, noDuplicates } from './answer.ts';
import type { AuditCheckName, Check, Judgement, Observation } from './check.ts';
import { AUDIT_CHECKS } from './check.ts';
import { noEmptyAssistant, ownPrefill, rolesAlternate } from './history.ts';
import { edgeWhitespace, prefillWhole, reasoningKept } from './prefill.ts';
import {
  attempts,
  breakNoticed,
  completeAccepted,
  refusalHandled,
  resumes,
  retryAfterKept,
  stallNoticed,
} from './recovery.ts';

const BY_NAME: Readonly<Record<AuditCheckName, Check>> = {
  'break-noticed': breakNoticed,
  resumes,
  'prefill-whole': prefillWhole,
  'edge-whitespace': edgeWhitespace,
  'reasoning-kept': reasoningKept,
  'no-empty-assistant': noEmptyAssistant,
  'own-prefill': ownPrefill,
  'roles-alternate': rolesAlternate,
  'no-duplicates': noDuplicates,
  'answer-whole': answerWhole,
  'complete-accepted': completeAccepted,
  'refusal-handled': refusalHandled,
  'retry-after-kept': retryAfterKept,
  'stall-noticed': stallNoticed,
  attempts,
};

export function checkNamed(name: AuditCheckName): Check {
  return BY_NAME[name];
}

/** A judgement with the name of its check. */
export interface Judged extends Judgement {
  readonly check: AuditCheckName;
}

/** Judges one trial by every check. */
export function judgeTrial(seen: Observation): Judged[] {
  return AUDIT_CHECKS.map((check) => ({ check, ...BY_NAME[check].judge(seen) }));
}
