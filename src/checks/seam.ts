/** A seam: what is to be judged, and what judging it gave. */
import type { Answer, SentRequest } from '../dialects/dialect.ts';
import type { Way } from '../seam/cut.ts';
import type { Candidates } from '../seam/candidates.ts';
import type { Phase, View } from '../seam/generation.ts';
import type { Strategy } from '../seam/strategy.ts';
import type { Subject } from '../seam/subject.ts';
import type { ContinuationEvidence } from './continuation.ts';
import type { CountEvidence } from './count.ts';
import type { PromptEvidence } from './prompt.ts';
import type { PromptTextEvidence } from './prompt-text.ts';
import type { ShapeEvidence } from './shape.ts';
import type { CheckName, Verdict } from './verdict.ts';

/** A seam to be judged. */
export interface SeamPlan {
  readonly subject: Subject;
  readonly strategy: Strategy;
  readonly k: number;
  readonly way: Way;
  /** What the client really holds, where it was read from a real cut instead of derived. */
  readonly view?: View;
  /**
   * What to generate: `never`: nothing, the prompt check alone counts; `none`: nothing, unless the
   * prompt check fails; a number: so many tokens; `whole`: to the end.
   */
  readonly resume: 'never' | 'none' | 'whole' | number;
  /** How a resume of so many tokens is ended itself; a token limit when left out. */
  readonly endBy?: Way;
  /** The next pause of a chain: the cut at which the resume is ended, whatever it rewinds. */
  readonly until?: number;
}

/** A judged seam with all its evidence. */
export interface JudgedSeam {
  readonly plan: SeamPlan;
  readonly phase: Phase;
  readonly view: View;
  readonly verdict: Verdict;
  /** The check that failed; undefined for `exact`. */
  readonly check: CheckName | undefined;
  /** The checks that were made. */
  readonly basis: readonly CheckName[];
  readonly prompt: (PromptEvidence & { readonly text: string | undefined }) | undefined;
  /** The weak form of the prompt check, where a server tells only how many tokens a prompt has. */
  readonly promptCount?: CountEvidence | undefined;
  /** The prompt check where a server tells the text of a prompt, and no ids. */
  readonly promptText?: PromptTextEvidence | undefined;
  readonly continuation: ContinuationEvidence | undefined;
  /** The likeliest next tokens after a prompt that differs, where the server tells them. */
  readonly next: Candidates | undefined;
  readonly shape: ShapeEvidence | undefined;
  readonly refusal: { readonly status: number; readonly message: string } | undefined;
  readonly error: string | undefined;
  /** Times that a failing generation was run again to see whether it fails every time. */
  readonly reruns: number;
  readonly requests: readonly SentRequest[];
  readonly answer: Answer | undefined;
}
