/** Judges one seam: sends the resume, makes the checks, weighs them against the controls. */
import { checkContinuation, type ContinuationEvidence, type Flip } from '../checks/continuation.ts';
import { checkResume, renderResume, type PromptedResume } from '../checks/resume.ts';
import type { CutClass } from '../seam/classes.ts';
import { checkShape, type ShapeProblem } from '../checks/shape.ts';
import { structureShape } from '../checks/structure.ts';
import { verdictOf, type CheckName, type Verdict } from '../checks/verdict.ts';
import type { Answer, ChatRequest, Progress, Rendered, Target } from '../dialects/dialect.ts';
import { Memo } from '../dialects/memo.ts';
import { isFatal, messageOf } from '../errors.ts';
import { TOP_CANDIDATES } from '../seam/generate.ts';
import { phaseAt, type TokenEvent, type View } from '../seam/generation.ts';
import { sameView, viewOf } from '../seam/view.ts';
import { describeEnd, endedWell } from '../wire/end.ts';
import { Refusal } from '../wire/refusal.ts';
import type { Controls } from './controls.ts';
import type { Subject } from '../seam/subject.ts';
import type { JudgedSeam, SeamPlan } from '../checks/seam.ts';

/**
 * What another token looks like in a stream that tells no ids. On an engine that does not repeat
 * itself such a text proves nothing, however often it comes.
 */
const OTHER_TEXT: ReadonlySet<ShapeProblem | undefined> = new Set([
  'other',
  'lost',
  'repeated',
] as const);

/** Tokens that a resume to the end may generate more than the uninterrupted run, to show that it does not end. */
const PAST_THE_END = 8;

export interface JudgeOptions {
  /** Tokens compared after a cut at most, where a resume is not run to its end. */
  readonly compare: number;
  readonly signal: AbortSignal;
}

export class Judge {
  readonly #target: Target;
  readonly #controls: Controls;
  readonly #options: JudgeOptions;
  readonly #renders = new Memo<Rendered>(20_000);
  readonly #shadows = new Memo<readonly TokenEvent[]>(20_000);

  constructor(target: Target, controls: Controls, options: JudgeOptions) {
    this.#target = target;
    this.#controls = controls;
    this.#options = options;
  }

  /** Judges a seam. Trouble of the harness or the server becomes the verdict `error`; only an abort and a full disk are thrown. */
  async judge(plan: SeamPlan): Promise<JudgedSeam> {
    try {
      return await this.#judge(plan);
    } catch (error) {
      if (this.#options.signal.aborted || isFatal(error)) throw error;
      return troubled(plan, error);
    }
  }

  async #judge(plan: SeamPlan): Promise<JudgedSeam> {
    const { subject, k } = plan;
    const seam = unjudged(plan);
    const resume = plan.strategy.resume({
      generation: subject.generation,
      markup: subject.markup,
      k,
      view: seam.view,
    });
    if (resume.kind === 'ids') return await this.#judgeIds(seam);
    const cuts =
      resume.kind === 'chat'
        ? classOfView(subject, k, seam.view)
        : (subject.rawClasses[k] ?? only(k));
    const { rendered, prompt } = await checkResume(resume, subject, cuts, (one) =>
      this.#render(one),
    );
    const checked: JudgedSeam = { ...seam, basis: ['prompt'], prompt, requests: rendered.requests };
    if (!prompt.agrees && (plan.resume === 'never' || subject.generation.synthetic))
      return { ...checked, verdict: 'drift', check: 'prompt' };
    if (!prompt.agrees) return await this.#judgeDrift(checked, cuts);
    const resumed = plan.resume !== 'none' && plan.resume !== 'never' && resume.kind === 'chat';
    const nothingLeft = prompt.kept >= subject.generation.tokens.length;
    if (!resumed || nothingLeft) return { ...checked, verdict: 'exact' };
    return await this.#judgeResume(checked, resume.request, prompt.kept);
  }

  /** The token control as a strategy: nothing to render, so a generation is the only check. */
  async #judgeIds(seam: JudgedSeam): Promise<JudgedSeam> {
    const continuation = await this.#controls.token(seam.plan.subject, seam.plan.k);
    const verdict = continuation.flip === undefined ? 'exact' : 'unstable';
    return {
      ...seam,
      verdict,
      check: verdict === 'exact' ? undefined : 'continuation',
      basis: ['continuation'],
      continuation,
    };
  }

  async #render(resume: PromptedResume): Promise<Rendered> {
    const render = (): Promise<Rendered> =>
      renderResume(this.#target, resume, this.#options.signal);
    return resume.kind === 'chat'
      ? await this.#renders.get(JSON.stringify(resume.request), render)
      : await render();
  }

  /** The prompt differs: what does the model make of it? One generation per distinct wrong prompt. */
  async #judgeDrift(seam: JudgedSeam, cuts: CutClass): Promise<JudgedSeam> {
    const { subject, k } = seam.plan;
    const { generation } = subject;
    const prompt = seam.prompt?.actual ?? [];
    if (prompt.length === 0) return { ...seam, verdict: 'drift', check: 'prompt' };
    const shadow = await this.#shadows.get(prompt.join(' '), async () => {
      const sampling = {
        maxTokens: this.#options.compare,
        top: TOP_CANDIDATES,
        cache: 'cold',
      } as const;
      return (await this.#target.complete(prompt, sampling, this.#options.signal)).tokens;
    });
    const placed = shadow.map((token, i) => ({ ...token, place: i + 1 }));
    const ended = shadow.length < this.#options.compare && generation.finish !== 'length';
    let best: { j: number; evidence: ContinuationEvidence } | undefined;
    for (let j = cuts.first; j <= cuts.last; j++) {
      const evidence = checkContinuation(generation.tokens.slice(j), placed, shadow.length, ended);
      const further =
        (evidence.flip?.at ?? Infinity) > (best?.evidence.flip?.at ?? (best ? Infinity : -1));
      if (further) best = { j, evidence };
    }
    const continuation = best?.evidence;
    const verdict = await this.#weigh(subject, best?.j ?? k, false, continuation?.flip, true);
    return {
      ...seam,
      verdict,
      check: 'prompt',
      basis: ['prompt', 'continuation'],
      continuation,
      next: shadow[0]?.top,
    };
  }

  /** The prompt agrees: resume for real, and look at the ids and at the client's side of it. */
  async #judgeResume(seam: JudgedSeam, request: ChatRequest, j: number): Promise<JudgedSeam> {
    const first = await this.#resume(seam, request, j, 1);
    if (first.verdict !== 'diverged') return first;
    const second = await this.#resume(seam, request, j, 2);
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

  async #resume(
    seam: JudgedSeam,
    request: ChatRequest,
    j: number,
    time: number,
  ): Promise<JudgedSeam> {
    const { subject, strategy, k, way, resume, endBy, until } = seam.plan;
    const { generation } = subject;
    const expected = generation.tokens.slice(j);
    const open = generation.finish === 'length';
    const whole = expected.length + (open ? 0 : PAST_THE_END);
    const some = until === undefined ? Math.min(Number(resume), expected.length) : until - j;
    const budget = Math.max(1, resume === 'whole' ? whole : some);
    // How a value ends shows whether it was gone on with or begun again.
    const structured = generation.scenario.responseFormat !== undefined;
    const flipped = ({ tokens }: Progress): boolean =>
      !structured && tokens.some(({ id, place }) => (expected[place - 1]?.id ?? id) !== id);
    const answer = await this.#target.chat(
      request,
      {
        maxTokens: endBy === 'disconnect' ? whole : budget,
        top: TOP_CANDIDATES,
        cache: 'cold',
      },
      {
        signal: this.#options.signal,
        use: [strategy.name, k, way, resume, endBy, until, time].join(' '),
        stopWhen: (progress) =>
          flipped(progress) || (endBy === 'disconnect' && progress.generated >= budget),
      },
    );
    if (broke(answer))
      return {
        ...seam,
        verdict: 'diverged',
        check: 'transport',
        basis: ['prompt', 'transport'],
        answer,
        requests: [...seam.requests, answer.request],
      };
    const atLimit = answer.finish === 'length' && answer.generated >= budget;
    const complete = endedWell(answer.end) && !atLimit && !open;
    const continuation = checkContinuation(expected, answer.tokens, answer.generated, complete);
    const message = subject.views[generation.length] ?? seam.view;
    const added = viewOf(answer.deltas);
    const shape =
      structureShape(
        generation.scenario,
        seam.view.content,
        message.content,
        added.content,
        complete ? answer.finish : undefined,
      ) ??
      (continuation.flip === undefined
        ? checkShape(seam.view, message, added, complete, {
            expected: generation.finish === 'length' ? undefined : generation.finish,
            actual: answer.finish,
          })
        : undefined);
    // JSON that breaks behind a flip says no more than the flip, which may be a near tie.
    const follows = continuation.flip !== undefined && shape?.problem === 'json-broken';
    const shapeHolds = shape?.problem === undefined || follows;
    const unseen = continuation.compared === 0 && answer.generated > 0;
    const doubtful = unseen && this.#controls.disagrees && OTHER_TEXT.has(shape?.problem);
    const verdict = doubtful
      ? 'unstable'
      : await this.#weigh(subject, j, true, continuation.flip, shapeHolds);
    const failed: CheckName | undefined =
      verdict === 'exact' ? undefined : shapeHolds ? 'continuation' : 'shape';
    return {
      ...seam,
      verdict,
      check: failed,
      basis: ['prompt', 'continuation', 'shape'],
      continuation,
      shape,
      answer,
      requests: [...seam.requests, answer.request],
    };
  }

  async #weigh(
    subject: Subject,
    j: number,
    promptAgrees: boolean,
    flip: Flip | undefined,
    shapeHolds: boolean,
  ): Promise<Verdict> {
    const control = flip === undefined ? undefined : await this.#controls.token(subject, j);
    const facts =
      flip === undefined || control === undefined
        ? undefined
        : { gap: flip.gap, controlExact: control.flip === undefined };
    return verdictOf(promptAgrees, facts, shapeHolds, this.#controls.tau);
  }
}

/** The server did not end the stream in good order; without `[DONE]` a finish reason is one. */
function broke({ end, finish }: Answer): boolean {
  if (end.kind === 'closed') return finish === undefined;
  return !endedWell(end) && end.kind !== 'aborted';
}

function only(k: number): CutClass {
  return { first: k, last: k };
}

/** The class of cuts at which a client holds this view: that of k, unless a real cut gave another view. */
function classOfView(subject: Subject, k: number, view: View): CutClass {
  const derived = subject.views[k];
  if (derived !== undefined && sameView(derived, view)) return subject.viewClasses[k] ?? only(k);
  const at = subject.views.findIndex((known) => sameView(known, view));
  return at < 0 ? only(k) : (subject.viewClasses[at] ?? only(k));
}

/** A seam before any check was made. */
export function unjudged(plan: SeamPlan): JudgedSeam {
  return {
    plan,
    phase: phaseAt(plan.subject.generation, plan.k),
    view: plan.view ?? plan.subject.views[plan.k] ?? { reasoning: '', content: '', toolCalls: [] },
    verdict: 'exact',
    check: undefined,
    basis: [],
    prompt: undefined,
    continuation: undefined,
    next: undefined,
    shape: undefined,
    refusal: undefined,
    error: undefined,
    reruns: 0,
    requests: [],
    answer: undefined,
  };
}

/** A seam that could not be judged, or whose resume the server refused. */
export function troubled(plan: SeamPlan, error: unknown): JudgedSeam {
  if (error instanceof Refusal) return refused(plan, error);
  return { ...unjudged(plan), verdict: 'error', error: messageOf(error) };
}

/** A 4xx answer is the server's word that it will not resume; a 5xx answer or a redirect is trouble. */
function refused(plan: SeamPlan, refusal: Refusal): JudgedSeam {
  const told = { status: refusal.status, message: messageOf(refusal) };
  const { status } = refusal;
  const busy = status < 400 || status >= 500 || [401, 403, 404, 408, 429].includes(status);
  return busy
    ? {
        ...unjudged(plan),
        verdict: 'error',
        error: `HTTP ${told.status}: ${told.message}`,
        requests: [refusal.request],
      }
    : {
        ...unjudged(plan),
        verdict: 'rejected',
        check: 'resume',
        basis: ['resume'],
        refusal: told,
        requests: [refusal.request],
      };
}

function sameFailure(a: JudgedSeam, b: JudgedSeam): boolean {
  return (
    b.verdict === 'diverged' &&
    a.check === b.check &&
    a.answer?.end.kind === b.answer?.end.kind &&
    a.shape?.problem === b.shape?.problem &&
    a.shape?.actual.slice(0, 40) === b.shape?.actual.slice(0, 40) &&
    a.continuation?.flip?.at === b.continuation?.flip?.at &&
    a.continuation?.flip?.actual === b.continuation?.flip?.actual
  );
}
