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
import {
  idsOf,
  type GeneratedToken,
  type Generation,
  type TokenEvent,
  type View,
} from './generation.ts';
import { isMarkup, layOut, phasesOf, type Layout } from './phases.ts';
import { viewOf } from './view.ts';

/** Candidates asked for at each position, to measure the gap between the two best. */
export const TOP_CANDIDATES = 5;

/** Tries to learn what a chat stream hid, on an engine that does not repeat itself. */
const FILL_TRIES = 5;

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
 * @throws {SeamstressError} `target` when the stream does not end in good order
 */
export async function streamWhole(
  target: Target,
  scenario: Scenario,
  signal: AbortSignal,
): Promise<Streamed> {
  const request = requestOf(scenario);
  const rendered = await target.render(request, signal);
  const answer = await target.chat(request, samplingOf(scenario), { signal });
  if (!endedWell(answer.end))
    throw new SeamstressError(
      'target',
      `scenario ${scenario.id}: the stream ${describeEnd(answer.end)}`,
      {
        hint: 'The uninterrupted run must be whole before it can be cut.',
      },
    );
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
  const sampling = samplingOf(scenario);
  const completion = await target.complete(rendered.ids, sampling, signal);
  const view = viewOf(answer.deltas);
  const layout = layOut(completion.tokens, view);
  const consistent = agree(answer, completion.tokens, view, layout);
  const tokens = consistent
    ? completion.tokens
    : await fillGaps(target, scenario, rendered, answer, signal);
  const generation = assemble(
    scenario,
    rendered,
    phased(tokens, consistent ? layout : layOut(tokens, view)),
    answer,
  );
  if (generation.length === 0)
    throw new SeamstressError('target', `scenario ${scenario.id}: the model generated nothing`, {
      hint: 'Use a prompt that the model answers.',
    });
  return { generation, answer, completion, consistent };
}

function samplingOf({ maxTokens }: Scenario): SamplingOptions {
  return { maxTokens, top: TOP_CANDIDATES, cache: 'cold' };
}

function assemble(
  scenario: Scenario,
  rendered: Rendered,
  tokens: readonly GeneratedToken[],
  answer: Answer,
): Generation {
  const ended = answer.finish !== 'length' && tokens.at(-1)?.bytes.length === 0;
  return {
    scenario,
    promptIds: rendered.ids,
    promptText: rendered.text,
    tokens,
    length: tokens.length - (ended ? 1 : 0),
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

/**
 * True when these can be the tokens behind a chat stream: every token that it told stands at its
 * place, there are as many, and what the client read is in their text.
 */
function agree(
  answer: Answer,
  tokens: readonly TokenEvent[],
  view: View,
  { reasoning, content }: Layout,
): boolean {
  const placed = answer.tokens.every((token) => tokens[token.place - 1]?.id === token.id);
  if (!placed || answer.generated !== tokens.length) return false;
  return shown(view.reasoning, reasoning) && shown(view.content, content);
}

function shown(text: string, [start, end]: readonly [number, number]): boolean {
  return text.trim() === '' || end > start;
}

/** The tokens that the chat stream told, with the hidden ones continued by ids from what stands before them. */
async function fillGaps(
  target: Target,
  scenario: Scenario,
  rendered: Rendered,
  answer: Answer,
  signal: AbortSignal,
): Promise<TokenEvent[]> {
  const tokens: TokenEvent[] = [];
  for (const told of [...answer.tokens, undefined]) {
    const gap = (told?.place ?? answer.generated + 1) - 1 - tokens.length;
    if (gap > 0)
      tokens.push(
        ...(await fillGap(target, scenario, [...rendered.ids, ...idsOf(tokens)], gap, signal)),
      );
    if (told !== undefined) tokens.push(told);
  }
  return tokens;
}

async function fillGap(
  target: Target,
  scenario: Scenario,
  context: readonly number[],
  gap: number,
  signal: AbortSignal,
): Promise<readonly TokenEvent[]> {
  for (let tries = 0; tries < FILL_TRIES; tries++) {
    const sampling = { maxTokens: gap, top: TOP_CANDIDATES, cache: 'cold' } as const;
    const { tokens } = await target.complete(context, sampling, signal);
    if (tokens.length === gap && isMarkup(tokens)) return tokens;
  }
  throw new SeamstressError(
    'target',
    `scenario ${scenario.id}: two greedy runs gave different tokens, and the stream does not tell all of its own`,
    {
      hint: 'Such an engine can be tested only where its chat streams tell the ids.',
    },
  );
}

/** True when two token lists are the same, id by id. */
export function sameIds(a: readonly TokenEvent[], b: readonly TokenEvent[]): boolean {
  return a.length === b.length && a.every((token, i) => token.id === b[i]?.id);
}
