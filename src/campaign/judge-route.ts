/**
 * Judges resumes that are no streamed chat of their own.
 *
 * **By another API** (`route`). Where the server renders its requests, they are judged as a chat
 * is. Where it does not, every seam costs a generation: the resumed text must go on as the
 * uninterrupted one does, and the prompt must have as many tokens as the kept ones ask for. A wrong
 * prompt of the right length after which the model says the same is not noticed.
 *
 * **As a whole answer** (`whole`). Where a resume is run at all, the message that comes back must be
 * the one that the same resume streams. Where it is, the seam is judged as that of the stream is.
 *
 * **By the server's replay** (`replayAfter`). The stream is really cut, and both of its parts
 * together must be the uninterrupted stream: its tokens, its deltas, its finish reason.
 *
 * A server that does not have the API, or keeps no stream, refuses the resume: `rejected`.
 */
import { checkContinuation } from '../checks/continuation.ts';
import type { CountEvidence } from '../checks/count.ts';
import type { JudgedSeam, SeamPlan } from '../checks/seam.ts';
import { checkShape, type ShapeEvidence } from '../checks/shape.ts';
import type { Answer, ChatRequest, Target } from '../dialects/dialect.ts';
import { isRendered } from '../dialects/route.ts';
import { isMissing } from '../dialects/acquaint.ts';
import { needsOf, waysOf } from '../dialects/ways.ts';
import { messageOf } from '../errors.ts';
import { leadOf, TOP_CANDIDATES } from '../seam/candidates.ts';
import type { CutClass } from '../seam/classes.ts';
import { samplingOf } from '../seam/generate.ts';
import { EMPTY_VIEW, type Delta, type Generation, type View } from '../seam/generation.ts';
import type { Subject } from '../seam/subject.ts';
import { viewOf } from '../seam/view.ts';
import { Refusal } from '../wire/refusal.ts';
import type { Controls } from './controls.ts';
import type { JudgeOptions } from './judge.ts';
import { believed, broke, OTHER_TEXT, PAST_THE_END } from './rerun.ts';

/** What judging needs. */
export interface RouteContext extends JudgeOptions {
  readonly target: Target;
  readonly controls: Controls;
  /** Asks for the prompt of the request. */
  readonly render: () => Promise<unknown>;
}

/**
 * Judges a seam whose resume is no streamed chat; undefined where it can be judged as one is.
 *
 * @param cuts those that what is held can stand for
 */
export async function judgeRoute(
  seam: JudgedSeam,
  request: ChatRequest,
  cuts: CutClass,
  context: RouteContext,
): Promise<JudgedSeam | undefined> {
  const { dialect } = context.target.identity;
  const unknown = needsOf(request).filter((way) => !waysOf(dialect).includes(way));
  if (unknown.length > 0)
    return {
      ...seam,
      verdict: 'error',
      error: `the dialect ${dialect} knows no ${unknown.join(', ')}`,
    };
  try {
    if (request.replayAfter !== undefined)
      return await believed((time) => replay(seam, request, context, time));
    if (request.whole === true) return await judgeWhole(seam, request, context);
    if (request.route === undefined || (await isRendered(context.render))) return undefined;
    const { plan } = seam;
    if (plan.resume === 'never' || plan.subject.generation.synthetic)
      return {
        ...seam,
        verdict: 'error',
        error: `${plan.strategy.name} cannot be judged without a generation: this server does not tell what prompt it makes of it`,
      };
    return await believed((time) => goOn(seam, request, cuts, context, time));
  } catch (error) {
    if (!(error instanceof Refusal) || !isMissing(error)) throw error;
    return {
      ...seam,
      verdict: 'rejected',
      check: 'resume',
      basis: ['resume'],
      refusal: { status: error.status, message: messageOf(error) },
      requests: [error.request],
    };
  }
}

/** Resumes by another API, and compares texts and the prompt's number of tokens. */
async function goOn(
  seam: JudgedSeam,
  request: ChatRequest,
  cuts: CutClass,
  { target, controls, compare, signal }: RouteContext,
  time: number,
): Promise<JudgedSeam> {
  const { subject, k, endBy } = seam.plan;
  const { generation } = subject;
  const open = generation.finish === 'length';
  const { budget, most } = tokensOf(seam.plan, compare);
  const answer = await target.chat(
    request,
    { maxTokens: endBy === 'disconnect' ? most : budget, top: 0, cache: 'cold' },
    {
      signal,
      use: useOf(seam.plan, time),
      ...(endBy === 'disconnect' ? { stopWhen: ({ generated }) => generated >= budget } : {}),
    },
  );
  const requests = [...seam.requests, answer.request];
  if (broke(answer)) return { ...seam, ...BROKEN, answer, requests };
  // Not every API says that an answer ended at its limit.
  const complete = answer.end.kind !== 'aborted' && answer.generated < budget && !open;
  const added = viewOf(answer.deltas);
  const promptCount = countOf(generation, cuts, answer.usage.promptTokens);
  const shape = startedOver(
    seam.view,
    added,
    checkShape(seam.view, wholeOf(subject), added, complete, {
      expected: open ? undefined : generation.finish,
      actual: answer.finish,
    }),
  );
  const agreed = agreedUntil(subject, k, seam.view, added);
  const counted = promptCount?.agrees ?? true;
  const trusted = shape.problem === undefined || (await isTrusted(subject, k, agreed, controls));
  const doubtful = OTHER_TEXT.has(shape.problem) && !trusted;
  const verdict =
    shape.problem !== undefined && !doubtful
      ? 'diverged'
      : !counted
        ? 'drift'
        : doubtful
          ? 'unstable'
          : 'exact';
  const failed = counted ? (shape.problem === undefined ? undefined : 'shape') : 'prompt';
  return {
    ...seam,
    verdict,
    check: failed,
    basis: [...(promptCount === undefined ? [] : (['prompt'] as const)), 'continuation', 'shape'],
    promptCount,
    continuation: {
      compared: agreed - k,
      remaining: generation.tokens.length - k,
      flip: undefined,
    },
    shape,
    answer,
    requests,
  };
}

/** Tokens that a resume is asked for, and those that it may have to its end. */
function tokensOf(
  { subject: { generation }, k, resume, until }: SeamPlan,
  compare: number,
): { readonly budget: number; readonly most: number } {
  const past = generation.finish === 'length' ? 0 : PAST_THE_END;
  const most = Math.max(1, generation.tokens.length - k + past);
  const some = until === undefined ? (typeof resume === 'number' ? resume : compare) : until - k;
  return { budget: resume === 'whole' ? most : Math.max(1, Math.min(some, most)), most };
}

function useOf({ strategy, k, way, resume, endBy, until }: SeamPlan, time: number): string {
  return [strategy.name, k, way, resume, endBy, until, time].join(' ');
}

/** Asks for a resume as a whole and as a stream; undefined where both give the same message. */
async function judgeWhole(
  seam: JudgedSeam,
  request: ChatRequest,
  context: RouteContext,
): Promise<JudgedSeam | undefined> {
  const { resume, subject } = seam.plan;
  if (resume === 'none' || resume === 'never' || subject.generation.synthetic) return undefined;
  const judged = await believed((time) => asWhole(seam, request, context, time));
  return judged.verdict === 'exact' ? undefined : judged;
}

async function asWhole(
  seam: JudgedSeam,
  request: ChatRequest,
  { target, controls, compare, signal }: RouteContext,
  time: number,
): Promise<JudgedSeam> {
  const { budget } = tokensOf(seam.plan, compare);
  const sampling = { maxTokens: budget, top: TOP_CANDIDATES, cache: 'cold' } as const;
  const use = useOf(seam.plan, time);
  const answer = await target.chat(request, sampling, { signal, use });
  const { whole: _, ...streamed } = request;
  const stream = await target.chat(streamed, sampling, { signal, use });
  const requests = [...seam.requests, answer.request];
  if (broke(stream)) return { ...seam, ...BROKEN, answer: stream, requests };
  const expected = joined(seam.view, viewOf(stream.deltas));
  const shape = checkShape(seam.view, expected, viewOf(answer.deltas), true, {
    expected: stream.finish,
    actual: answer.finish,
  });
  const { problem } = shape;
  const doubtful = OTHER_TEXT.has(problem) && controls.disagrees;
  const verdict = problem === undefined ? 'exact' : doubtful ? 'unstable' : 'diverged';
  return {
    ...seam,
    verdict,
    check: problem === undefined ? undefined : 'shape',
    basis: ['shape'],
    shape,
    answer,
    requests,
  };
}

/** What a client holds that has read more. */
function joined(held: View, added: View): View {
  const calls = Math.max(held.toolCalls.length, added.toolCalls.length);
  return {
    reasoning: held.reasoning + added.reasoning,
    content: held.content + added.content,
    toolCalls: Array.from({ length: calls }, (_, i) => ({
      name: (held.toolCalls[i]?.name ?? '') + (added.toolCalls[i]?.name ?? ''),
      arguments: (held.toolCalls[i]?.arguments ?? '') + (added.toolCalls[i]?.arguments ?? ''),
    })),
  };
}

const BROKEN = { verdict: 'diverged', check: 'transport', basis: ['transport'] } as const;

/** The prompt's number of tokens against those of the cuts that what is held can stand for. */
function countOf(
  { promptIds }: Generation,
  { first, last }: CutClass,
  actual: number | undefined,
): CountEvidence | undefined {
  if (actual === undefined) return undefined;
  const base = promptIds.length;
  const [least, most] = [base + first, base + last];
  return { agrees: actual >= least && actual <= most, base, least, most, actual };
}

/** A text that differs proves something where a resume by ids repeats the run, and not by a near tie. */
async function isTrusted(
  subject: Subject,
  k: number,
  agreed: number,
  controls: Controls,
): Promise<boolean> {
  if (controls.disagrees) return false;
  const lead = leadOf(subject.generation.tokens[agreed]?.top);
  const near = lead !== undefined && lead <= controls.tau;
  return !near && (await controls.token(subject, k, agreed - k + 1)).flip === undefined;
}

/** The message of the uninterrupted run. */
function wholeOf({ views, generation }: Subject): View {
  return views[generation.length] ?? viewOf(generation.deltas);
}

/** The last cut at which a client of the uninterrupted run holds no more than is held and added. */
function agreedUntil({ views, generation }: Subject, k: number, held: View, added: View): number {
  const reasoning = held.reasoning + added.reasoning;
  const content = held.content + added.content;
  let reached = k;
  for (let j = k + 1; j <= generation.length; j++) {
    const view = views[j];
    if (view === undefined) break;
    const said = [
      reasoning.startsWith(view.reasoning),
      content.startsWith(view.content),
      view.toolCalls.every(({ arguments: text }, i) =>
        ((held.toolCalls[i]?.arguments ?? '') + (added.toolCalls[i]?.arguments ?? '')).startsWith(
          text,
        ),
      ),
    ];
    if (said.includes(false)) break;
    reached = j;
  }
  return reached;
}

/** Characters that an answer must share with the beginning of what is held to have started over. */
const STARTED = 12;

/** An answer that begins as what is held began, as far as it was read, is an echo of it. */
function startedOver(held: View, added: View, shape: ShapeEvidence): ShapeEvidence {
  if (!OTHER_TEXT.has(shape.problem)) return shape;
  for (const field of ['reasoning', 'content'] as const) {
    const size = Math.min(held[field].length, added[field].length);
    if (size === 0 || size < Math.min(STARTED, held[field].length)) continue;
    if (held[field].slice(0, size) === added[field].slice(0, size))
      return { ...shape, problem: 'echo' };
  }
  return shape;
}

/** Cuts the stream for real, reads its rest from the replay, and compares both with the uninterrupted one. */
async function replay(
  seam: JudgedSeam,
  request: ChatRequest,
  { target, controls, signal }: RouteContext,
  time: number,
): Promise<JudgedSeam> {
  const { subject, strategy, k } = seam.plan;
  const { generation } = subject;
  const answer = await target.chat(request, samplingOf(generation.scenario), {
    signal,
    use: [strategy.name, k, time].join(' '),
  });
  const deltas = answer.deltas.slice(answer.held ?? 0);
  const view = viewOf(answer.deltas.slice(0, answer.held ?? 0));
  const judged = { ...seam, view, answer, requests: [answer.request] };
  if (broke(answer)) return { ...judged, ...BROKEN };
  const open = generation.finish === 'length';
  const continuation = checkContinuation(generation.tokens, answer.tokens, answer.generated, !open);
  const said = checkShape(view, wholeOf(subject), viewOf(deltas), true, {
    expected: generation.finish,
    actual: answer.finish,
  });
  const shape = said.problem === undefined ? samePieces(generation.deltas, answer.deltas) : said;
  const flip = continuation.flip?.at ?? agreedUntil(subject, 0, EMPTY_VIEW, viewOf(answer.deltas));
  const other = continuation.flip !== undefined || OTHER_TEXT.has(shape.problem);
  // What differs before the cut is another run; the replay had no part in it.
  const before = flip < k && isOrdered(answer);
  const another = other && (before || !(await isTrusted(subject, k, Math.max(flip, k), controls)));
  const fails = shape.problem !== undefined || continuation.flip !== undefined;
  const verdict = another ? 'unstable' : fails ? 'diverged' : 'exact';
  return {
    ...judged,
    verdict,
    check: !fails ? undefined : shape.problem === undefined ? 'continuation' : 'shape',
    basis: ['continuation', 'shape'],
    continuation,
    shape,
  };
}

/** Every token stands behind the one before it: nothing was told twice. */
function isOrdered({ tokens }: Answer): boolean {
  return tokens.every(({ place }, i) => place > (tokens[i - 1]?.place ?? 0));
}

/** The deltas of a stream, but for the ids that servers invent for calls. */
function samePieces(expected: readonly Delta[], actual: readonly Delta[]): ShapeEvidence {
  const texts = [expected, actual].map((deltas) => deltas.map(pieceOf));
  const [wanted = [], got = []] = texts;
  const at = wanted.findIndex((piece, i) => piece !== got[i]);
  const differs = at >= 0 ? at : wanted.length;
  const same = at < 0 && got.length === wanted.length;
  return same
    ? { problem: undefined, field: undefined, expected: '', actual: '' }
    : {
        problem: 'other',
        field: undefined,
        expected: wanted[differs] ?? '',
        actual: got[differs] ?? '',
      };
}

function pieceOf({ after, reasoning, content, toolCalls }: Delta): string {
  const calls = toolCalls?.map(({ index, name, arguments: text }) => [index, name, text]);
  return JSON.stringify([after, reasoning, content, calls]);
}
