/** Makes the one uninterrupted generation of a scenario, from which every cut is derived. */
import type {
  Answer,
  ChatRequest,
  Completion,
  Rendered,
  SamplingOptions,
  Target,
} from '../dialects/dialect.ts';
import { SeamstressError } from '../errors.ts';
import type { Scenario } from '../scenario/schema.ts';
import { describeEnd, endedWell } from '../wire/end.ts';
import { TOP_CANDIDATES } from './candidates.ts';
import type { GeneratedToken, Generation, TokenEvent } from './generation.ts';
import { withHidden, type Filling } from './hidden.ts';
import { holds, layOut, phasesOf, type Layout } from './phases.ts';
import { viewOf } from './view.ts';

/** On an engine that does not repeat itself, what a stream hides is asked for a few times. */
const PATIENT: Filling = { tries: 5, checked: false, top: TOP_CANDIDATES };
/** Where it is all that is known of the engine, it must lead to what the stream tells. */
const STRICT: Filling = { tries: 1, checked: true, top: 0 };

/** The chat request of a scenario, without a prefill. */
export function requestOf(scenario: Scenario): ChatRequest {
  const { messages, tools, thinking, toolChoice, responseFormat } = scenario;
  return {
    messages,
    tools,
    thinking,
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(responseFormat === undefined ? {} : { responseFormat }),
  };
}

/** The generation and the two exchanges behind it. */
export interface Generated {
  readonly generation: Generation;
  readonly answer: Answer;
  /** The same prompt continued by ids: the only arm that tells every token. */
  readonly completion: Completion;
  /** False when the two arms, both greedy and both cold, do not give the same tokens. */
  readonly consistent: boolean;
}

/** What a client reads of an uninterrupted run, before its ids are known. */
export interface Streamed {
  readonly rendered: Rendered;
  readonly answer: Answer;
}

/**
 * Streams a scenario's answer. How a server divides its stream depends on what else it does at the
 * time, so that nothing else should be under way.
 *
 * @param once nothing will be held against it, so that no candidates are asked for
 * @throws {SeamstressError} `target` when the stream does not end in good order
 */
export async function streamWhole(
  target: Target,
  scenario: Scenario,
  signal: AbortSignal,
  once = false,
): Promise<Streamed> {
  const request = requestOf(scenario);
  const rendered = await target.render(request, signal);
  const top = once ? 0 : TOP_CANDIDATES;
  const answer = await target.chat(request, { ...samplingOf(scenario), top }, { signal });
  if (!endedWell(answer.end))
    throw new SeamstressError('target', `the stream ${describeEnd(answer.end)}`, {
      hint: 'The uninterrupted run must be whole before it can be cut.',
    });
  return { rendered, answer };
}

/**
 * Streams a scenario's answer and, for the ids that a chat stream hides, continues the same
 * prompt by ids. When the two disagree the chat stream counts, since it is what a client reads,
 * and its hidden tokens are asked for one gap at a time.
 *
 * @param streamed the answer, where it was streamed before
 * @throws {SeamstressError} `target` when the stream does not end in good order or is empty, and
 *   when the hidden tokens of an engine that disagrees with itself cannot be learned
 */
export async function generate(
  target: Target,
  scenario: Scenario,
  signal: AbortSignal,
  streamed?: Streamed,
): Promise<Generated> {
  const { rendered, answer } = streamed ?? (await streamWhole(target, scenario, signal));
  const completion = await target.complete(rendered.ids, samplingOf(scenario), signal);
  const agreed = tokensOf(answer, completion.tokens);
  const consistent = agreed !== undefined;
  const whole = agreed ?? (await withHidden(target, rendered, answer, PATIENT, signal));
  if (whole === undefined)
    throw new SeamstressError(
      'target',
      'two greedy runs gave different tokens, and the stream does not tell all of its own',
      {
        hint: 'Such an engine can be tested only where its chat streams tell the ids.',
      },
    );
  const tokens = agreed ?? phased(whole, layOut(whole, viewOf(answer.deltas)));
  return {
    generation: assemble(scenario, rendered, tokens, answer),
    answer,
    completion,
    consistent,
  };
}

/**
 * The generation behind a stream, of which no more is asked for than what it hides. That costs
 * little, and tells nothing of how well the engine repeats itself.
 *
 * @returns undefined where the stream tells too little, or the engine goes on otherwise than it
 * @throws {SeamstressError} `target` when the model said nothing
 */
export async function generateOnce(
  target: Target,
  scenario: Scenario,
  signal: AbortSignal,
  { rendered, answer }: Streamed,
): Promise<Generation | undefined> {
  const whole = await withHidden(target, rendered, answer, STRICT, signal);
  const tokens = whole === undefined ? undefined : tokensOf(answer, whole);
  return tokens === undefined ? undefined : assemble(scenario, rendered, tokens, answer);
}

/** How the uninterrupted run of a scenario is sampled. */
export function samplingOf({ maxTokens }: Scenario): SamplingOptions {
  return { maxTokens, top: TOP_CANDIDATES, cache: 'cold' };
}

/**
 * The tokens with their phases, where they can be those behind a stream: every token that it told
 * stands at its place, there are as many, and what the client read is in their text.
 */
function tokensOf(
  { deltas, generated, tokens: told }: Answer,
  tokens: readonly TokenEvent[],
): readonly GeneratedToken[] | undefined {
  const placed = told.every((token) => tokens[token.place - 1]?.id === token.id);
  if (!placed || generated !== tokens.length) return undefined;
  const view = viewOf(deltas);
  const layout = layOut(tokens, view);
  return holds(layout, view) ? phased(tokens, layout) : undefined;
}

function assemble(
  scenario: Scenario,
  rendered: Rendered,
  tokens: readonly GeneratedToken[],
  answer: Answer,
): Generation {
  const ended = answer.finish !== 'length' && tokens.at(-1)?.bytes.length === 0;
  const length = tokens.length - (ended ? 1 : 0);
  if (length === 0)
    throw new SeamstressError('target', 'the model generated nothing', {
      hint: 'Use a prompt that the model answers.',
    });
  return {
    scenario,
    promptIds: rendered.ids,
    promptText: rendered.text,
    tokens,
    length,
    finish: answer.finish,
    deltas: answer.deltas,
    synthetic: false,
  };
}

/** The tokens with their phases. Nearly all are literals, which are much faster than spreading. */
function phased(tokens: readonly TokenEvent[], layout: Layout): GeneratedToken[] {
  const phases = phasesOf(tokens, layout);
  return tokens.map((token, i) => {
    const { id, bytes, logprob, top } = token;
    const phase = phases[i] ?? 'content';
    return logprob === undefined || top === undefined
      ? { ...token, phase }
      : { id, bytes, logprob, top, phase };
  });
}

/** True when two token lists are the same, id by id. */
export function sameIds(a: readonly TokenEvent[], b: readonly TokenEvent[]): boolean {
  return a.length === b.length && a.every((token, i) => token.id === b[i]?.id);
}
