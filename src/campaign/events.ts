/** What happens in a campaign, as it happens. Progress lines and reports are fed by these alone. */
import type { Finding, RunRecord, SeamLine } from '../reports/record.ts';

export type RunEvent =
  /** The target answered and the plan is made. */
  | { readonly kind: 'started'; readonly target: RunRecord['target']; readonly scenarios: number }
  /** A scenario was generated once and repeated. */
  | {
      readonly kind: 'generated';
      readonly scenario: string;
      readonly tokens: number;
      readonly consistent: boolean;
    }
  /** The seams to be judged are known (sweep) or the cases to be tried at most (fuzz). */
  | { readonly kind: 'planned'; readonly seams: number }
  | { readonly kind: 'seam'; readonly line: SeamLine }
  /** A cause was seen for the first time. */
  | { readonly kind: 'finding'; readonly id: string; readonly title: string }
  /** Something that a person should know while it runs. */
  | { readonly kind: 'note'; readonly text: string }
  | {
      readonly kind: 'finished';
      readonly record: RunRecord;
      readonly findings: readonly Finding[];
    };

export type RunListener = (event: RunEvent) => void;
