/**
 * Thinking-only recovery over a real server: asks, and where the model thought and said nothing,
 * asks again with that thinking as the beginning of its answer. See `seam/recovery.ts`.
 */
import type { Answer, ChatRequest, SamplingOptions, Target } from '../dialects/dialect.ts';
import { SeamstressError } from '../errors.ts';
import type { Message, ToolDefinition } from '../scenario/schema.ts';
import {
  afterAnswer,
  afterRefusal,
  startRecovery,
  type Recovery,
  type RecoveryOutcome,
} from '../seam/recovery.ts';
import { viewOf } from '../seam/view.ts';
import { describeEnd, endedWell } from '../wire/end.ts';
import { Refusal } from '../wire/refusal.ts';

export interface RecoverOptions {
  readonly target: Target;
  readonly messages: readonly Message[];
  readonly tools?: readonly ToolDefinition[];
  readonly thinking?: boolean;
  /** Tokens of each answer at most. @defaultValue 4096 */
  readonly maxTokens?: number;
  /** Send the server's continuation flags with the prefill. @defaultValue false */
  readonly flags?: boolean;
  /** @defaultValue 'warm' */
  readonly cache?: SamplingOptions['cache'];
  readonly signal?: AbortSignal;
  /** Told before each question: 1 for the first. Nothing is asked again in silence. */
  readonly onAsk?: (question: number) => void;
}

/** The outcome, and what it took. */
export type Recovered = RecoveryOutcome & {
  readonly answers: readonly Answer[];
  /** Questions beyond the first. */
  readonly extra: number;
};

/**
 * Asks until there is content, at most twice more than once. The given messages are not changed,
 * and no prefill is left in what comes back.
 *
 * @throws {SeamstressError} `target` when a stream breaks (use `resume()` for those), `interrupted`
 *   when the signal aborts
 * @throws {Refusal} when the server refuses the first question, or any with a status that does not
 *   mean the prefill (401, 429, 5xx)
 */
export async function recoverThinkingOnly(options: RecoverOptions): Promise<Recovered> {
  const signal = options.signal ?? new AbortController().signal;
  const answers: Answer[] = [];
  let recovery: Recovery = startRecovery(options.messages);
  while (recovery.ask !== undefined) {
    options.onAsk?.(recovery.extra + 1);
    const answer = await ask(options, recovery, signal);
    if (answer === undefined) {
      recovery = afterRefusal(recovery);
      continue;
    }
    answers.push(answer);
    recovery = afterAnswer(recovery, { ...viewOf(answer.deltas), finish: answer.finish });
  }
  if (recovery.outcome === undefined) throw new Error('a recovery without a question has an end');
  return { ...recovery.outcome, answers, extra: recovery.extra };
}

/** One answer; undefined when the server refuses the prefill. */
async function ask(
  options: RecoverOptions,
  { ask: question, extra }: Recovery,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  const request: ChatRequest = {
    messages: question?.messages ?? options.messages,
    tools: options.tools ?? [],
    thinking: options.thinking,
    flags: options.flags ?? false,
    ...(question?.prefill === undefined ? {} : { prefill: question.prefill }),
  };
  const sampling = {
    maxTokens: options.maxTokens ?? 4096,
    top: 0,
    cache: options.cache ?? 'warm',
  } as const;
  try {
    const answer = await options.target.chat(request, sampling, { signal });
    if (signal.aborted) throw new SeamstressError('interrupted', 'the answer was interrupted');
    if (!endedWell(answer.end) || answer.finish === undefined)
      throw new SeamstressError('target', `the answer's stream ${describeEnd(answer.end)}`, {
        hint: 'A broken stream is no thinking-only answer; resume() goes on with it.',
      });
    return answer;
  } catch (error) {
    const prefillRefused =
      extra > 0 && error instanceof Refusal && [400, 422].includes(error.status);
    if (prefillRefused) return undefined;
    throw error;
  }
}
