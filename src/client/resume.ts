/**
 * A client that survives a cut: it streams a chat generation, and when the stream breaks it goes
 * on by a recipe from `probe`, after a check that the server will see the prompt that it has to
 * see. What cannot be gone on with exactly is refused, with the difference.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, dialectNamed } from '../dialects/registry.ts';
import type {
  Answer,
  ChatRequest,
  PlacedToken,
  SamplingOptions,
  Target,
} from '../dialects/dialect.ts';
import { messageOf, SeamstressError } from '../errors.ts';
import type { Message, ToolDefinition } from '../scenario/schema.ts';
import { EMPTY_VIEW, type View } from '../seam/generation.ts';
import { stitchView } from '../seam/stitch.ts';
import type { Strategy } from '../seam/strategy.ts';
import { describeRefusal, Refusal } from '../wire/refusal.ts';
import { endOf, phaseOfView } from './cuts.ts';
import { ResumeError } from './error.ts';
import type { CutCause, ResumeEvent } from './events.ts';
import { Overlap } from './overlap.ts';
import { prepare, showsPrompts, type Prepared } from './prepare.ts';
import { produced } from './queue.ts';
import { Reading } from './reading.ts';
import { strategyOf, type Recipe } from './recipe.ts';

export interface ResumeOptions {
  /** The root URL of a server, or a target that is already connected; that one is left open. */
  readonly target: string | Target;
  /** With a URL: the server's API. @defaultValue 'auto' */
  readonly dialect?: string;
  /** With a URL: the model to ask for. @defaultValue the first one served */
  readonly model?: string;
  /** With a URL: sent as a bearer token. */
  readonly apiKey?: string;
  /** With a URL: the longest silence in a stream, in milliseconds. @defaultValue 60_000 */
  readonly stallMs?: number;
  readonly messages: readonly Message[];
  readonly tools?: readonly ToolDefinition[];
  /** Passed to the template as `enable_thinking`. @defaultValue the template's own */
  readonly thinking?: boolean;
  /** How to resume on this server: what `probe` found. */
  readonly recipe: Recipe;
  /** Tokens of the whole message at most, over all attempts. @defaultValue 4096 */
  readonly maxTokens?: number;
  /** Tokens asked for in one attempt at most. @defaultValue no limit of its own */
  readonly tokensPerAttempt?: number;
  /** Requests at most, the first one included. @defaultValue 16 */
  readonly attempts?: number;
  /**
   * Where the prompt is wrong, tokens that may be given up to find an earlier place where it is
   * right; what comes again has to be the same text and is not yielded twice. @defaultValue 0
   */
  readonly rewind?: number;
  /**
   * Wait before an attempt after one that brought nothing, in milliseconds; doubled each time. A
   * server that says how long to wait is obeyed. Never more than 30 seconds. @defaultValue 50
   */
  readonly waitMs?: number;
  /** Whether the server may reuse its prefix cache. @defaultValue 'warm' */
  readonly cache?: SamplingOptions['cache'];
  readonly signal?: AbortSignal;
}

const LONGEST_WAIT_MS = 30_000;

/**
 * Streams a chat generation to its end, over as many attempts as it takes, greedily. Every attempt
 * and every cut is told as an event; the deltas in between are one continuous message.
 *
 * Leaving the loop early closes the connection.
 *
 * @throws {ResumeError} when the message cannot be gone on with exactly, or attempts are spent
 * @throws {SeamstressError} `usage` for a recipe that cannot be used, `target` when a URL is given
 *   and there is no server that is known, `interrupted` when the signal aborts
 * @example
 * for await (const event of resume({ target: url, recipe: 'reasoning-field', messages }))
 *   if (event.kind === 'delta') process.stdout.write(event.content ?? '');
 */
export async function* resume(
  options: ResumeOptions,
): AsyncGenerator<ResumeEvent, void, undefined> {
  const strategy = strategyOf(options.recipe);
  const left = new AbortController();
  const signal =
    options.signal === undefined ? left.signal : AbortSignal.any([options.signal, left.signal]);
  const target = await targetOf(options, signal);
  try {
    yield* attempts(target, strategy, options, signal);
  } finally {
    left.abort();
    if (target !== options.target) await target.close();
  }
}

async function targetOf(options: ResumeOptions, signal: AbortSignal): Promise<Target> {
  if (typeof options.target !== 'string') return options.target;
  const { target: url, model, apiKey, stallMs } = options;
  return await connect(
    dialectNamed(options.dialect ?? 'auto'),
    {
      url,
      ...(model === undefined ? {} : { model }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(stallMs === undefined ? {} : { timeouts: { stallMs } }),
    },
    signal,
  );
}

async function* attempts(
  target: Target,
  strategy: Strategy,
  options: ResumeOptions,
  signal: AbortSignal,
): AsyncGenerator<ResumeEvent, void, undefined> {
  const request: ChatRequest = {
    messages: options.messages,
    tools: options.tools ?? [],
    thinking: options.thinking,
  };
  const most = options.attempts ?? 16;
  const reading = new Reading(request);
  let told = EMPTY_VIEW;
  let fruitless = 0;
  for (let attempt = 1; ; attempt++) {
    const before = reading.generated;
    const trouble = yield* attemptOnce(attempt);
    if (trouble === undefined) return;
    if (attempt >= most) {
      const message = `the message is not whole after ${most} attempts; the last one: ${trouble.detail}`;
      throw new ResumeError('attempts-spent', message, told, {
        hint: 'Allow more attempts, or look at the log of the server.',
      });
    }
    fruitless = reading.generated > before ? 0 : fruitless + 1;
    await pause(trouble.waitMs ?? waitAfter(fruitless, options.waitMs ?? 50), signal);
  }

  /** One request, with what is needed before it; the trouble when it did not bring the end. */
  async function* attemptOnce(
    attempt: number,
  ): AsyncGenerator<ResumeEvent, Trouble | undefined, undefined> {
    let answered: Attempted;
    try {
      if (reading.prompt.ids.length === 0 && showsPrompts(target))
        reading.begin(await target.render(request, signal));
      const next = await prepare(target, reading, strategy, told, options.rewind ?? 0, signal);
      yield { kind: 'attempt', attempt, kept: next.kept, rewound: reading.generated - next.kept };
      answered = yield* produced((push) => stream(next, push));
    } catch (error) {
      const trouble = troubleOf(error, signal, told);
      yield cut(attempt, trouble);
      return trouble;
    }
    const { answer, broken, left } = answered;
    if (options.signal?.aborted === true) throw interrupted();
    if (broken !== undefined) throw new ResumeError('stitch-broken', broken, told);
    const end = endOf(answer, left);
    if (end.kind === 'finished') {
      const { finish } = end;
      yield { kind: 'finished', finish, attempts: attempt, view: told, ids: reading.ids };
      return undefined;
    }
    yield cut(attempt, end);
    return end;
  }

  function cut(attempt: number, { cause, detail }: Trouble): ResumeEvent {
    const { generated } = reading;
    return { kind: 'cut', attempt, cause, detail, generated, phase: phaseOfView(told) };
  }

  /** Streams one answer into the reading, and pushes what of it is new. */
  async function stream(next: Prepared, push: (event: ResumeEvent) => void): Promise<Attempted> {
    const overlap = new Overlap(told, next.view);
    const known = reading.generated;
    const left = (options.maxTokens ?? 4096) - next.kept;
    const read = { deltas: 0, tokens: 0 };
    let fresh: PlacedToken[] = [];
    let broken: string | undefined;
    const answer = await target.chat(
      next.request,
      {
        maxTokens: Math.max(1, Math.min(left, options.tokensPerAttempt ?? left)),
        top: 0,
        cache: options.cache ?? 'warm',
      },
      {
        signal,
        stopWhen: ({ deltas, tokens }) => {
          for (const token of tokens.slice(read.tokens)) {
            const place = next.kept + token.place;
            if (place > known) fresh.push({ ...token, place });
          }
          read.tokens = tokens.length;
          for (const { after: _, ...texts } of deltas.slice(read.deltas)) {
            const passed = overlap.pass(texts);
            if (passed.kind === 'broken') {
              broken ??= `the resumed stream does not go on where the one before ended: ${passed.detail}`;
              return true;
            }
            if (passed.texts === undefined) continue;
            told = stitchView(told, [{ after: 0, ...passed.texts }]);
            push({ kind: 'delta', ...passed.texts, tokens: fresh });
            fresh = [];
          }
          read.deltas = deltas.length;
          return false;
        },
      },
    );
    reading.take(answer, next.kept);
    if (broken === undefined && !overlap.over && answer.finish !== undefined)
      broken = 'the resumed stream ended before it had come to where the one before ended';
    return { answer, broken, left };
  }
}

interface Attempted {
  readonly answer: Answer;
  /** The resumed stream does not go on where it should: why, in words. */
  readonly broken: string | undefined;
  /** Tokens that the message may still have had when the answer began. */
  readonly left: number;
}

interface Trouble {
  readonly cause: CutCause;
  readonly detail: string;
  /** The server said how long to wait. */
  readonly waitMs?: number | undefined;
}

/** Trouble that another attempt may get over; anything else is thrown. */
function troubleOf(error: unknown, signal: AbortSignal, told: View): Trouble {
  if (signal.aborted) throw interrupted();
  if (error instanceof ResumeError) throw error;
  if (error instanceof Refusal) {
    const { status, retryAfterSeconds } = error;
    const detail = describeRefusal(error);
    if (status < 500 && status !== 408 && status !== 429)
      throw new ResumeError('refused', `the server refused: ${detail}`, told, {
        hint: 'Probe the server again; its recipe may have changed.',
        cause: error,
      });
    const waitMs = retryAfterSeconds === undefined ? undefined : retryAfterSeconds * 1000;
    return { cause: 'no-answer', detail, waitMs };
  }
  if (error instanceof SeamstressError && error.code === 'target')
    return { cause: 'no-answer', detail: messageOf(error) };
  throw error;
}

function waitAfter(fruitless: number, first: number): number {
  return fruitless === 0 ? 0 : first * 2 ** Math.min(fruitless - 1, 20);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  try {
    await sleep(Math.min(ms, LONGEST_WAIT_MS), undefined, { signal });
  } catch {
    throw interrupted();
  }
}

function interrupted(): SeamstressError {
  return new SeamstressError('interrupted', 'the generation was interrupted');
}
