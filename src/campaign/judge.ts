/** Judges one seam: sends the resume, makes the checks, weighs them against the controls. */
import { checkContinuation, type ContinuationEvidence, type Flip } from '../checks/continuation.ts';
import { checkResume, renderResume, type PromptedResume } from '../checks/resume.ts';
import type { CutClass } from '../seam/classes.ts';
import { checkShape } from '../checks/shape.ts';
import { structureShape } from '../checks/structure.ts';
import { verdictOf, type CheckName, type Verdict } from '../checks/verdict.ts';
import type { ChatRequest, PlacedToken, Progress, Rendered, Target } from '../dialects/dialect.ts';
import { Memo } from '../dialects/memo.ts';
import { needsOf } from '../dialects/ways.ts';
import { isFatal, messageOf, refuseAborted } from '../errors.ts';
import { TOP_CANDIDATES } from '../seam/candidates.ts';
import { phaseAt, type TokenEvent } from '../seam/generation.ts';
import { viewOf } from '../seam/view.ts';
import { endedWell } from '../wire/end.ts';
import { describeRefusal, Refusal } from '../wire/refusal.ts';
import type { Controls } from './controls.ts';
import { judgeRoute } from './judge-route.ts';
import { classOfView, only } from './held.ts';
import { UNLIMITED, type Room } from './limit.ts';
import { believed, broke, OTHER_TEXT, PAST_THE_END, sameFailure } from './rerun.ts';
import { Shadows, type Shadow, type Wanted } from './shadow.ts';
import type { Subject } from '../seam/subject.ts';
import type { JudgedSeam, SeamPlan } from '../checks/seam.ts';

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
  readonly #shadows: Shadows;

  constructor(target: Target, controls: Controls, options: JudgeOptions) {
    this.#target = target;
    this.#controls = controls;
    this.#options = options;
    this.#shadows = new Shadows(target, options.compare, options.signal);
  }

  /** Judges a seam. Trouble of the harness or the server becomes the verdict `error`; only an abort and a full disk are thrown. */
  async judge(plan: SeamPlan): Promise<JudgedSeam> {
    return await (this.judgeTogether([plan], UNLIMITED)[0] as Promise<JudgedSeam>);
  }

  /**
   * Judges seams of one generation and strategy, so that their wrong prompts are continued
   * together. Element i of the result is the judgement of plan i.
   */
  judgeTogether(plans: readonly SeamPlan[], room: Room): Promise<JudgedSeam>[] {
    const checks = plans.map(async (plan) => {
      let checked = await room.checks(() => this.#guard(plan, () => this.check(plan)));
      while (checked instanceof Rest) {
        const { judge } = checked;
        checked = await room.generations(() => this.#guard(plan, judge));
      }
      return checked;
    });
    const shadows = Promise.all(checks).then(async (all) => {
      const wrong = all.filter((one) => one instanceof WrongPrompt);
      const followed = await this.#shadows.follow(wrong, room.generations);
      return new Map(wrong.map((one, i) => [one, followed[i]]));
    });
    shadows.catch(() => undefined);
    return checks.map(async (check, i) => {
      const checked = await check;
      if (!(checked instanceof WrongPrompt)) return checked;
      const shadow = (await shadows).get(checked);
      return await room.generations(() =>
        this.#guard(plans[i] as SeamPlan, async () => {
          if (shadow?.status !== 'fulfilled') throw shadow?.reason;
          return await this.#judgeDrift(checked, shadow.value);
        }),
      );
    });
  }

  async #guard<T>(plan: SeamPlan, judge: () => Promise<T>): Promise<T | JudgedSeam> {
    try {
      const judged = await judge();
      // What an abort has cut short is no evidence.
      refuseAborted(this.#options.signal);
      return judged;
    } catch (error) {
      if (this.#options.signal.aborted || isFatal(error)) throw error;
      return troubled(plan, error);
    }
  }

  /** Makes the checks of a seam that generate nothing; what is left of them, where any is. */
  protected async check(plan: SeamPlan): Promise<Checked> {
    const { subject, k } = plan;
    const seam = unjudged(plan);
    const resume = plan.strategy.resume({
      generation: subject.generation,
      markup: subject.markup,
      k,
      view: seam.view,
    });
    if (resume.kind === 'ids') return new Rest(() => this.#judgeIds(seam));
    if (resume.kind === 'text')
      return await this.#checkPrompt(seam, resume, subject.rawClasses[k] ?? only(k));
    const cuts = classOfView(subject, k, seam.view);
    if (needsOf(resume.request).length === 0) return await this.#checkPrompt(seam, resume, cuts);
    return new Rest(async () => {
      const render = (): Promise<unknown> => this.#render(resume);
      const context = { ...this.#options, target: this.#target, controls: this.#controls, render };
      const judged = await judgeRoute(seam, resume.request, cuts, context);
      return judged ?? (await this.#checkPrompt(seam, resume, cuts));
    });
  }

  async #checkPrompt(seam: JudgedSeam, resume: PromptedResume, cuts: CutClass): Promise<Checked> {
    const { plan } = seam;
    const { generation } = plan.subject;
    const { rendered, prompt } = await checkResume(resume, plan.subject, cuts, (one) =>
      this.#render(one),
    );
    const checked: JudgedSeam = { ...seam, basis: ['prompt'], prompt, requests: rendered.requests };
    if (!prompt.agrees) {
      const alone = plan.resume === 'never' || generation.synthetic || prompt.actual.length === 0;
      return alone
        ? { ...checked, verdict: 'drift', check: 'prompt' }
        : new WrongPrompt(checked, cuts, prompt.actual);
    }
    const resumed = plan.resume !== 'none' && plan.resume !== 'never' && resume.kind === 'chat';
    const nothingLeft = prompt.kept >= generation.tokens.length;
    if (!resumed || nothingLeft) return { ...checked, verdict: 'exact' };
    return new Rest(() => this.#judgeResume(checked, resume.request, prompt.kept));
  }

  /** The token control as a strategy: nothing to render, so a generation is the only check. */
  async #judgeIds(seam: JudgedSeam): Promise<JudgedSeam> {
    const continuation = await this.#controls.token(
      seam.plan.subject,
      seam.plan.k,
      this.#options.compare,
    );
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

  /** The prompt differs: does what the model makes of it differ too? */
  async #judgeDrift({ seam, cuts }: WrongPrompt, shadow: Shadow): Promise<JudgedSeam> {
    const { subject, k } = seam.plan;
    const { generation } = subject;
    const placed = shadow.tokens.map((token, i) => ({ ...token, place: i + 1 }));
    const ended = shadow.ended && generation.finish !== 'length';
    let best: { j: number; evidence: ContinuationEvidence } | undefined;
    for (let j = cuts.first; j <= cuts.last; j++) {
      const evidence = checkContinuation(generation.tokens.slice(j), placed, placed.length, ended);
      const further =
        (evidence.flip?.at ?? Infinity) > (best?.evidence.flip?.at ?? (best ? Infinity : -1));
      if (further) best = { j, evidence };
    }
    const continuation = best?.evidence;
    // The control begins where the request began that gave the token, and goes as far.
    const at = continuation?.flip?.at ?? 0;
    const j = best?.j ?? k;
    const verdict = await this.#weigh(subject, {
      flip: continuation?.flip,
      from: Math.max(j + shadow.begin(at), generation.given ?? 0),
      until: j + at + 1,
      promptAgrees: false,
      shapeHolds: true,
    });
    return {
      ...seam,
      verdict,
      check: 'prompt',
      basis: ['prompt', 'continuation'],
      continuation,
      next: shadow.tokens[0]?.top,
    };
  }

  /** The prompt agrees: resume for real, and look at the ids and at the client's side of it. */
  async #judgeResume(seam: JudgedSeam, request: ChatRequest, j: number): Promise<JudgedSeam> {
    return await believed((time) => this.#resume(seam, request, j, time), sameFlip);
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
    let seen = 0;
    const flipped = ({ tokens }: Progress): boolean => {
      if (structured) return false;
      for (; seen < tokens.length; seen++) {
        const { id, place } = tokens[seen] as PlacedToken;
        if ((expected[place - 1]?.id ?? id) !== id) return true;
      }
      return false;
    };
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
      : await this.#weigh(subject, {
          flip: continuation.flip,
          from: j,
          until: j + (continuation.flip?.at ?? 0) + 1,
          promptAgrees: true,
          shapeHolds,
        });
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
    { flip, from, until, promptAgrees, shapeHolds }: Evidence,
  ): Promise<Verdict> {
    const control =
      flip === undefined ? undefined : await this.#controls.token(subject, from, until - from);
    const facts =
      flip === undefined || control === undefined
        ? undefined
        : { gap: flip.gap, controlExact: control.flip === undefined };
    return verdictOf(promptAgrees, facts, shapeHolds, this.#controls.tau);
  }
}

/** What a verdict rests on. */
interface Evidence {
  readonly flip: Flip | undefined;
  /** The cut at which the control of a flip begins. */
  readonly from: number;
  /** The cut until which it goes, just behind the flip. */
  readonly until: number;
  readonly promptAgrees: boolean;
  readonly shapeHolds: boolean;
}

/** How far a seam has come without a generation. */
export type Checked = JudgedSeam | WrongPrompt | Rest;

/** What is left to do for a seam, and generates. */
export class Rest {
  readonly judge: () => Promise<Checked>;

  constructor(judge: () => Promise<Checked>) {
    this.judge = judge;
  }
}

/** A seam whose prompt is not what it should be, before it is known what the model makes of it. */
class WrongPrompt implements Wanted {
  readonly seam: JudgedSeam;
  readonly cuts: CutClass;
  readonly prompt: readonly number[];

  constructor(seam: JudgedSeam, cuts: CutClass, prompt: readonly number[]) {
    this.seam = seam;
    this.cuts = cuts;
    this.prompt = prompt;
  }

  /** What follows a flip is another text: nothing more is to be learnt when every cut has one. */
  settled(tokens: readonly TokenEvent[]): boolean {
    const { generation } = this.seam.plan.subject;
    for (let j = this.cuts.first; j <= this.cuts.last; j++)
      if (!tokens.some(({ id }, i) => (generation.tokens[j + i]?.id ?? id) !== id)) return false;
    return true;
  }
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
        error: describeRefusal(told),
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

function sameFlip(a: JudgedSeam, b: JudgedSeam): boolean {
  const [one, other] = [a.continuation?.flip, b.continuation?.flip];
  return sameFailure(a, b) && one?.at === other?.at && one?.actual === other?.actual;
}
