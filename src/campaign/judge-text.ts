/**
 * Judges seams on servers that tell no token ids. There is no prompt to render and no token
 * control, so that every seam costs a generation: the resume is sent, its text must go on as the
 * uninterrupted one does, and its prompt must have as many tokens as it should, where that is told.
 *
 * On a server that does not repeat itself a text that differs proves nothing. What is wrong in a
 * way that noise does not make (an echo, text in the wrong field, think tags) still counts.
 */
import { checkCount } from '../checks/count.ts';
import { checkContinuation, type ContinuationEvidence } from '../checks/continuation.ts';
import type { JudgedSeam, SeamPlan } from '../checks/seam.ts';
import { checkShape, type ShapeEvidence, type ShapeProblem } from '../checks/shape.ts';
import type { CheckName, Verdict } from '../checks/verdict.ts';
import type { Answer, ChatRequest, Target } from '../dialects/dialect.ts';
import { capabilitiesOf, isTextLevel } from '../dialects/text-level-strength.ts';
import { TOP_CANDIDATES } from '../seam/generate.ts';
import type { Generation, View } from '../seam/generation.ts';
import type { Strategy } from '../seam/strategy.ts';
import { sameView, viewOf } from '../seam/view.ts';
import { describeEnd, endedWell } from '../wire/end.ts';
import type { Controls } from './controls.ts';
import { Judge, unjudged, type JudgeOptions } from './judge.ts';

/** The judge that a target needs. */
export function judgeFor(target: Target, controls: Controls, options: JudgeOptions): Judge {
  return isTextLevel(target)
    ? new TextJudge(target, controls, options)
    : new Judge(target, controls, options);
}

/**
 * The strategies that a target can be resumed with. Where ids and prompts are not told, those that
 * send a text or ids are left out; `inline-think` too, since the tags that the model writes are
 * not seen; and those with flags, where the API has none.
 */
export function possibleStrategies(target: Target, strategies: readonly Strategy[]): Strategy[] {
  if (!isTextLevel(target)) return [...strategies];
  const { flags = true } = capabilitiesOf(target);
  return strategies.filter(
    ({ name }) =>
      !/^(?:raw-text|token-ids|inline-think)(?:[/+]|$)/.test(name) &&
      (flags || !/\+flags(?:\/|$)/.test(name)),
  );
}

/** What another token looks like in a text. */
const OTHER_TEXT: ReadonlySet<ShapeProblem | undefined> = new Set([
  'other',
  'lost',
  'repeated',
] as const);

/** Tokens that a resume to the end may generate more than the uninterrupted run. */
const PAST_THE_END = 8;

/** Characters that a text must share with the beginning of what is held to be an echo of it. */
const ECHO = 12;

export class TextJudge extends Judge {
  readonly #target: Target;
  readonly #controls: Controls;
  readonly #options: JudgeOptions;
  /** Strategies that differ only where a client holds reasoning send the same request without it. */
  readonly #judged = new Map<string, { readonly by: string; readonly seam: Promise<JudgedSeam> }>();

  constructor(target: Target, controls: Controls, options: JudgeOptions) {
    super(target, controls, options);
    this.#target = target;
    this.#controls = controls;
    this.#options = options;
  }

  protected override async check(plan: SeamPlan): Promise<JudgedSeam> {
    const seam = unjudged(plan);
    const { generation, markup } = plan.subject;
    const resume = plan.strategy.resume({ generation, markup, k: plan.k, view: seam.view });
    if (resume.kind !== 'chat') return cannot(seam, 'it sends more than a chat can show');
    if (plan.resume === 'never' || generation.synthetic)
      return cannot(seam, 'this server does not tell what prompt it makes of a chat');
    const length = plan.resume === 'whole' ? plan.resume : this.#tokensOf(plan.resume);
    const key = JSON.stringify([resume.request, plan.k, length, plan.endBy, plan.until]);
    const same = this.#judged.get(key);
    // The same strategy asks again where it wants to see whether a failure comes again.
    if (same !== undefined && same.by !== plan.strategy.name) return { ...(await same.seam), plan };
    const judged = this.#judgeTwice(seam, resume.request);
    this.#judged.set(key, { by: plan.strategy.name, seam: judged });
    judged.catch(() => this.#judged.delete(key));
    return await judged;
  }

  /** A seam that fails is run again before it is believed. */
  async #judgeTwice(seam: JudgedSeam, request: ChatRequest): Promise<JudgedSeam> {
    const first = await this.#resume(seam, request, 1);
    if (first.verdict !== 'diverged') return first;
    const second = await this.#resume(seam, request, 2);
    if (sameFailure(first, second)) return { ...first, reruns: 1 };
    const { answer } = first;
    return first.check === 'transport' && answer !== undefined
      ? {
          ...first,
          verdict: 'error',
          check: undefined,
          error: `the resumed stream ${describeEnd(answer.end)}`,
          reruns: 1,
        }
      : { ...first, verdict: 'unstable', reruns: 1 };
  }

  async #resume(seam: JudgedSeam, request: ChatRequest, time: number): Promise<JudgedSeam> {
    const { subject, strategy, k, way, resume, endBy, until } = seam.plan;
    const { generation } = subject;
    const whole = tokensLeft(generation, k);
    const some = until === undefined ? this.#tokensOf(resume) : until - k;
    const budget = Math.max(1, resume === 'whole' ? whole : Math.min(some, whole));
    const answer = await this.#target.chat(
      request,
      { maxTokens: endBy === 'disconnect' ? whole : budget, top: TOP_CANDIDATES, cache: 'cold' },
      {
        signal: this.#options.signal,
        use: [strategy.name, k, way, resume, endBy, until, time].join(' '),
        ...(endBy === 'disconnect' ? { stopWhen: ({ generated }) => generated >= budget } : {}),
      },
    );
    const requests = [...seam.requests, answer.request];
    if (broke(answer))
      return {
        ...seam,
        verdict: 'diverged',
        check: 'transport',
        basis: ['transport'],
        answer,
        requests,
      };
    const added = viewOf(answer.deltas);
    const complete =
      endedWell(answer.end) && answer.finish !== 'length' && generation.finish !== 'length';
    const message = subject.views[generation.length] ?? seam.view;
    const shape = echoed(
      seam.view,
      added,
      checkShape(seam.view, message, added, complete, {
        expected: generation.finish === 'length' ? undefined : generation.finish,
        actual: answer.finish,
      }),
    );
    const kept = keptBy(seam);
    const promptCount =
      kept === undefined ? undefined : checkCount(generation, kept, answer.usage.promptTokens);
    const agrees = shape.problem === undefined;
    const continuation = compareText(generation, kept ?? k, added, answer, agrees);
    const { verdict, check } = this.#weigh(shape, continuation, promptCount?.agrees ?? true);
    return {
      ...seam,
      verdict,
      check,
      basis: [...(promptCount === undefined ? [] : (['prompt'] as const)), 'continuation', 'shape'],
      promptCount,
      continuation,
      shape,
      answer,
      requests,
    };
  }

  /** Every seam is resumed: nothing is known of one that is not. */
  #tokensOf(resume: SeamPlan['resume']): number {
    return typeof resume === 'number' ? resume : this.#options.compare;
  }

  #weigh(
    { problem }: ShapeEvidence,
    { flip }: ContinuationEvidence,
    promptAgrees: boolean,
  ): { readonly verdict: Verdict; readonly check: CheckName | undefined } {
    const weak: Verdict = promptAgrees ? 'unstable' : 'drift';
    if (problem === undefined)
      return promptAgrees
        ? { verdict: 'exact', check: undefined }
        : { verdict: 'drift', check: 'prompt' };
    const check = promptAgrees ? 'shape' : 'prompt';
    const nearTie = flip?.gap !== undefined && flip.gap <= this.#controls.tau;
    const doubtful = OTHER_TEXT.has(problem) && (this.#controls.disagrees || nearTie);
    return { verdict: doubtful ? weak : 'diverged', check };
  }
}

/**
 * Pieces that the client holds: k, unless its view was read from a real cut, which counts the
 * server's tokens; undefined where that view is between two pieces.
 */
function keptBy({ plan, view }: JudgedSeam): number | undefined {
  if (plan.view === undefined) return plan.k;
  const at = plan.subject.views.findIndex((known) => sameView(known, view));
  return at < 0 ? undefined : at;
}

function cannot(seam: JudgedSeam, why: string): JudgedSeam {
  return {
    ...seam,
    verdict: 'error',
    error: `${seam.plan.strategy.name} cannot be judged: ${why}`,
  };
}

/** Tokens that a resume needs to come to its end, and a few more to show that it does not. */
function tokensLeft({ counts, length, finish }: Generation, k: number): number {
  const all = Math.max(length, counts?.generated ?? 0);
  return all - k + (finish === 'length' ? 0 : PAST_THE_END);
}

/** The server did not end the stream in good order; without `[DONE]` a finish reason is one. */
function broke({ end, finish }: Answer): boolean {
  if (end.kind === 'closed') return finish === undefined;
  return !endedWell(end) && end.kind !== 'aborted';
}

/**
 * An answer that starts again from the beginning of what is held, as far as it was read: the
 * shape check alone knows an echo only when all of it was sent.
 */
function echoed(held: View, added: View, shape: ShapeEvidence): ShapeEvidence {
  if (!OTHER_TEXT.has(shape.problem)) return shape;
  for (const field of ['reasoning', 'content'] as const) {
    const start = Math.min(held[field].length, added[field].length);
    if (start >= Math.min(ECHO, held[field].length) && start > 0)
      if (held[field].slice(0, start) === added[field].slice(0, start))
        return { ...shape, problem: 'echo' };
  }
  return shape;
}

/**
 * How far the texts agree, in tokens of the uninterrupted run. Where both runs come in the same
 * pieces up to the first that differs, the gap between the two candidates is known too.
 */
function compareText(
  generation: Generation,
  k: number,
  added: View,
  answer: Answer,
  agrees: boolean,
): ContinuationEvidence {
  const expected = generation.tokens.slice(k);
  const compared = covered(generation, k, added);
  if (agrees) return { compared, remaining: expected.length, flip: undefined };
  const { flip } = checkContinuation(expected, answer.tokens, answer.generated, false);
  return {
    compared,
    remaining: expected.length,
    flip: {
      at: compared,
      expected: expected[compared]?.id,
      actual: flip?.at === compared ? flip.actual : undefined,
      gap: flip?.at === compared ? flip.gap : undefined,
    },
  };
}

/** Pieces after the cut whose text was added, field by field, before anything else was. */
function covered({ deltas, length }: Generation, k: number, added: View): number {
  const left = {
    reasoning: added.reasoning,
    content: added.content,
    calls: added.toolCalls.map((call) => call?.arguments ?? ''),
  };
  let reached = k;
  for (const delta of deltas) {
    if (delta.after <= k) continue;
    for (const field of ['reasoning', 'content'] as const) {
      const text = delta[field] ?? '';
      if (!left[field].startsWith(text)) return reached - k;
      left[field] = left[field].slice(text.length);
    }
    for (const { index, arguments: text = '' } of delta.toolCalls ?? []) {
      const call = left.calls[index] ?? '';
      if (!call.startsWith(text)) return reached - k;
      left.calls[index] = call.slice(text.length);
    }
    reached = delta.after;
  }
  return length - k;
}

function startOf({ shape }: JudgedSeam): string {
  return shape?.actual.slice(0, 40) ?? '';
}

function sameFailure(a: JudgedSeam, b: JudgedSeam): boolean {
  return (
    b.verdict === 'diverged' &&
    a.check === b.check &&
    a.answer?.end.kind === b.answer?.end.kind &&
    a.shape?.problem === b.shape?.problem &&
    startOf(a) === startOf(b)
  );
}
