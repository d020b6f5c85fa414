/**
 * Judges seams on servers that tell no token ids. There is no token control, and every seam costs
 * a generation: the resume is sent, its text must go on as the uninterrupted one does, and its
 * prompt must be the text that it should be, or have as many tokens, as far as that is told.
 *
 * On a server that does not repeat itself a text that differs proves nothing. What is wrong in a
 * way that noise does not make (an echo, text in the wrong field, think tags) still counts.
 */
import { checkCount } from '../checks/count.ts';
import { checkContinuation, type ContinuationEvidence } from '../checks/continuation.ts';
import { checkPromptText, findWritten, keptIn, type Written } from '../checks/prompt-text.ts';
import type { JudgedSeam, SeamPlan } from '../checks/seam.ts';
import { checkShape, type ShapeEvidence } from '../checks/shape.ts';
import type { CheckName, Verdict } from '../checks/verdict.ts';
import type { Answer, ChatRequest, Target } from '../dialects/dialect.ts';
import { Memo } from '../dialects/memo.ts';
import { capabilitiesOf, isTextLevel } from '../dialects/text-level-strength.ts';
import { waysOf } from '../dialects/ways.ts';
import { TOP_CANDIDATES } from '../seam/candidates.ts';
import { requestOf } from '../seam/generate.ts';
import { EMPTY_VIEW, type Generation, type View } from '../seam/generation.ts';
import type { Subject } from '../seam/subject.ts';
import type { Held, Strategy } from '../seam/strategy.ts';
import { sameView, viewOf } from '../seam/view.ts';
import { endedWell } from '../wire/end.ts';
import type { Controls } from './controls.ts';
import { Judge, Rest, unjudged, type Checked, type JudgeOptions } from './judge.ts';
import { believed, broke, OTHER_TEXT, PAST_THE_END } from './rerun.ts';

/** The judge that a target needs. */
export function judgeFor(target: Target, controls: Controls, options: JudgeOptions): Judge {
  return isTextLevel(target)
    ? new TextJudge(target, controls, options)
    : new Judge(target, controls, options);
}

/**
 * The strategies that a target can be resumed with: those that ask in a way that its dialect does
 * not know are left out. Where ids and prompts are not told, those that
 * send a text or ids are left out (a text can be sent where prompts are shown); `inline-think` too, since the tags that the model writes are
 * not seen; and those with flags, where the API has none.
 */
export function possibleStrategies(target: Target, strategies: readonly Strategy[]): Strategy[] {
  const ways = waysOf(target.identity.dialect);
  const known = strategies.filter(({ needs = [] }) => needs.every((way) => ways.includes(way)));
  if (!isTextLevel(target)) return known;
  const { flags = true, oracle } = capabilitiesOf(target);
  return known
    .filter(
      ({ name }) =>
        !/^(?:token-ids|inline-think)(?:[/+]|$)/.test(name) &&
        (oracle === 'prompt-text' || !RAW.test(name)) &&
        (flags || !/\+flags(?:\/|$)/.test(name)),
    )
    .map((strategy) =>
      RAW.test(strategy.name) ? { ...strategy, applies: canBeWritten } : strategy,
    );
}

const RAW = /^raw-text(?:[/+]|$)/;

/** A text is not held to a schema, and how the tools stand in a prompt is not known everywhere. */
function canBeWritten({ generation, view }: Pick<Held, 'generation' | 'view'>): boolean {
  const { tools, responseFormat } = generation.scenario;
  return tools.length === 0 && responseFormat === undefined && view.toolCalls.length === 0;
}

/** Characters that a text must share with the beginning of what is held to be an echo of it. */
const ECHO = 12;

export class TextJudge extends Judge {
  readonly #target: Target;
  readonly #controls: Controls;
  readonly #options: JudgeOptions;
  /** Strategies that differ only where a client holds reasoning send the same request without it. */
  readonly #judged = new Map<string, { readonly by: string; readonly seam: Promise<JudgedSeam> }>();

  readonly #learned = new Memo<Written | undefined>(1000);

  constructor(target: Target, controls: Controls, options: JudgeOptions) {
    super(target, controls, options);
    this.#target = target;
    this.#controls = controls;
    this.#options = options;
  }

  protected override async check(plan: SeamPlan): Promise<Checked> {
    return new Rest(() => this.#judge(plan));
  }

  async #judge(plan: SeamPlan): Promise<JudgedSeam> {
    const seam = unjudged(plan);
    const { generation, markup } = plan.subject;
    const resume = plan.strategy.resume({ generation, markup, k: plan.k, view: seam.view });
    if (resume.kind === 'text') return await this.#judgeRaw(seam);
    if (resume.kind !== 'chat') return cannot(seam, 'it sends more than a chat can show');
    const prompt = await this.#checkPrompt(seam, resume.request);
    if (plan.resume === 'never' || generation.synthetic) return promptAlone({ ...seam, ...prompt });
    const length = plan.resume === 'whole' ? plan.resume : this.#tokensOf(plan.resume);
    const key = JSON.stringify([resume.request, plan.k, length, plan.endBy, plan.until]);
    const same = this.#judged.get(key);
    // The same strategy asks again where it wants to see whether a failure comes again.
    if (same !== undefined && same.by !== plan.strategy.name) return { ...(await same.seam), plan };
    const judged = believed((time) => this.#resume({ ...seam, ...prompt }, resume.request, time));
    this.#judged.set(key, { by: plan.strategy.name, seam: judged });
    judged.catch(() => this.#judged.delete(key));
    return await judged;
  }

  /** What the model wrote, where the server shows its prompts; undefined where that is not found. */
  async #written({ generation, views }: Subject): Promise<Written | undefined> {
    const { scenario, length, counts } = generation;
    const { signal } = this.#options;
    const request = requestOf(scenario);
    return await this.#learned.get(JSON.stringify(request), async () => {
      const message = views[length];
      const { text } = await this.#target.render(request, signal);
      if (text === undefined || message === undefined) return undefined;
      const maxTokens = Math.max(length, counts?.generated ?? 0);
      const answer = await this.#target.chat(
        { ...request, raw: text },
        { maxTokens, top: 0, cache: 'cold' },
        { signal, use: 'raw' },
      );
      return broke(answer) ? undefined : findWritten(text, viewOf(answer.deltas).content, message);
    });
  }

  /** The check of the prompt's text, where there is one. */
  async #checkPrompt(
    seam: JudgedSeam,
    request: ChatRequest,
  ): Promise<Pick<JudgedSeam, 'promptText' | 'requests'>> {
    const none = { promptText: undefined, requests: seam.requests };
    if (capabilitiesOf(this.#target).oracle !== 'prompt-text') return none;
    const written = await this.#written(seam.plan.subject);
    if (written === undefined) return none;
    const { text, requests } = await this.#target.render(request, this.#options.signal);
    if (text === undefined) return none;
    return {
      promptText: checkPromptText(written, seam.view, text),
      requests: [...seam.requests, ...requests],
    };
  }

  /** `raw-text`: the prompt and what was kept, as one text. No template and no parser has a part in it. */
  async #judgeRaw(seam: JudgedSeam): Promise<JudgedSeam> {
    const { subject, k, resume } = seam.plan;
    const written = await this.#written(subject);
    const kept = written === undefined ? undefined : keptIn(written, seam.view)?.[0];
    if (written === undefined || kept === undefined)
      return cannot(seam, 'the text that the model wrote is not known');
    if (resume === 'never') return { ...seam, basis: ['prompt'] };
    const whole = tokensLeft(subject.generation, k);
    const some = resume === 'whole' ? whole : Math.min(this.#tokensOf(resume), whole);
    const request = {
      ...requestOf(subject.generation.scenario),
      raw: written.header + written.text.slice(0, kept),
    };
    return await believed((time) => this.#resumeRaw(seam, request, written, kept, some, time));
  }

  async #resumeRaw(
    seam: JudgedSeam,
    request: ChatRequest,
    { text }: Written,
    kept: number,
    maxTokens: number,
    time: number,
  ): Promise<JudgedSeam> {
    const { subject, k, resume } = seam.plan;
    const answer = await this.#target.chat(
      request,
      { maxTokens: Math.max(1, maxTokens), top: 0, cache: 'cold' },
      { signal: this.#options.signal, use: ['raw', k, resume, time].join(' ') },
    );
    const judged = { ...seam, answer, requests: [...seam.requests, answer.request] };
    if (broke(answer))
      return { ...judged, verdict: 'diverged', check: 'transport', basis: ['transport'] };
    const open = subject.generation.finish === 'length';
    const shape = checkShape(
      { ...EMPTY_VIEW, content: text.slice(0, kept) },
      { ...EMPTY_VIEW, content: text },
      viewOf(answer.deltas),
      answer.finish !== 'length' && !open,
      { expected: undefined, actual: answer.finish },
    );
    // A text that differs behind the very prompt is the engine's own doing, as with the token control.
    const exact = shape.problem === undefined;
    return {
      ...judged,
      verdict: exact ? 'exact' : 'unstable',
      check: exact ? undefined : 'continuation',
      basis: ['continuation'],
      shape,
    };
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
    const { verdict, check } = this.#weigh(
      shape,
      continuation,
      (promptCount?.agrees ?? true) && (seam.promptText?.agrees ?? true),
    );
    return {
      ...seam,
      verdict,
      check,
      basis: [
        ...(promptCount === undefined && seam.promptText === undefined
          ? []
          : (['prompt'] as const)),
        'continuation',
        'shape',
      ],
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

/** The prompt check where nothing is generated. */
function promptAlone(seam: JudgedSeam): JudgedSeam {
  if (seam.promptText === undefined)
    return cannot(seam, 'this server does not tell what prompt it makes of a chat');
  const basis = ['prompt'] as const;
  return seam.promptText.agrees
    ? { ...seam, basis }
    : { ...seam, basis, verdict: 'drift', check: 'prompt' };
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
