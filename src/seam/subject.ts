/** A scenario made ready for cutting: its generation, what a client holds at each cut, its controls. */
import { classesOf, rawClassesOf, type CutClass } from './classes.ts';
import type { Target } from '../dialects/dialect.ts';
import { isTextLevel } from '../dialects/text-level-strength.ts';
import { checkStructure } from '../checks/structure.ts';
import { SeamstressError } from '../errors.ts';
import type { Begun, Scenario } from '../scenario/schema.ts';
import { generateText } from './generate-text.ts';
import {
  generate,
  generateOnce,
  sameIds,
  samplingOf,
  streamWhole,
  type Generated,
  type Streamed,
} from './generate.ts';
import { idsOf, type Generation, type TokenEvent, type View } from './generation.ts';
import { markupOf, type Markup } from './markup.ts';
import { generatePrefilled } from './prefilled.ts';
import { sameView, viewAt, viewsOf } from './view.ts';

export interface Subject {
  readonly generation: Generation;
  readonly markup: Markup;
  /** Element k is the view after k tokens. */
  readonly views: readonly View[];
  /** Cuts with the same view, for strategies that send the view. */
  readonly viewClasses: readonly CutClass[];
  /** Cuts with the same whole characters, for strategies that send the raw text. */
  readonly rawClasses: readonly CutClass[];
  readonly repeat: Repeat;
  /** Tokens whose ids the chat stream told. */
  readonly told: number;
}

/** The repeat control of one scenario: the uninterrupted run, run again. */
export interface Repeat {
  /** Arms compared with the first: the chat stream, and the warm completion; 0 where it was run once. */
  readonly tried: number;
  readonly disagreements: number;
  /** The largest change of a token's log-probability between two runs, in nats. */
  readonly noise: number;
}

/** How a scenario is made a subject. */
export interface MakeOptions {
  /** The answer, where it was streamed before. */
  readonly streamed?: Streamed | undefined;
  /** Nothing will be generated to be compared with it: it need not be repeated, nor tell candidates. */
  readonly once?: boolean;
}

/** Generates a scenario once, repeats it warm unless `once` will do, and derives every view. */
export async function makeSubject(
  target: Target,
  scenario: Scenario,
  signal: AbortSignal,
  { streamed, once = false }: MakeOptions = {},
): Promise<Subject> {
  if (scenario.prefill !== undefined)
    return await makePrefilledSubject(target, scenario, scenario.prefill, signal, streamed);
  if (isTextLevel(target)) return await makeTextSubject(target, scenario, signal);
  const stream = streamed ?? (await streamWhole(target, scenario, signal, once));
  const told = stream.answer.tokens.length;
  const single = once ? await generateOnce(target, scenario, signal, stream) : undefined;
  if (single !== undefined) {
    requireStructure(single);
    return { ...derive(single), repeat: { tried: 0, disagreements: 0, noise: 0 }, told };
  }
  const captured = await generate(target, scenario, signal, stream);
  const { generation, completion } = captured;
  requireStructure(generation);
  const warm = await target.complete(
    generation.promptIds,
    { ...samplingOf(scenario), cache: 'warm' },
    signal,
  );
  const repeat: Repeat = {
    tried: 2,
    disagreements:
      (captured.consistent ? 0 : 1) + (sameIds(warm.tokens, completion.tokens) ? 0 : 1),
    noise: Math.max(noiseBetween(completion.tokens, warm.tokens), noiseOfChat(captured)),
  };
  return { ...derive(generation), repeat, told };
}

/** The same where a client has begun the answer itself. */
async function makePrefilledSubject(
  target: Target,
  scenario: Scenario,
  begun: Begun,
  signal: AbortSignal,
  streamed?: Streamed,
): Promise<Subject> {
  if (isTextLevel(target))
    throw new SeamstressError('target', 'a prefill needs token ids', {
      hint: 'This server tells none; leave the scenario out.',
    });
  const made = await generatePrefilled(target, scenario, begun, signal, streamed);
  const { generation, completion, writing } = made;
  requireStructure(generation);
  const kept = generation.tokens.slice(generation.given ?? 0);
  const repeat: Repeat = {
    tried: 2,
    disagreements: made.consistent ? 0 : 1,
    noise: noiseBetween(kept, completion.tokens),
  };
  const { opening, written, closing } = writing;
  return { ...derive(generation), markup: { opening, written, closing }, repeat, told: 0 };
}

/**
 * An answer that the server was asked to make fit a schema must do so before it can be cut.
 *
 * @throws {SeamstressError} `target` when it does not
 */
function requireStructure(generation: Generation): void {
  const { responseFormat } = generation.scenario;
  if (responseFormat === undefined || generation.finish === 'length') return;
  const { content } = viewAt(generation, generation.length);
  const { problem, detail } = checkStructure(responseFormat, '', content);
  if (problem !== undefined)
    throw new SeamstressError(
      'target',
      `the uninterrupted answer does not fit its schema: ${detail}`,
      { hint: 'Does the server know response_format?' },
    );
}

/** The same where only texts are told; the repeat is the chat stream again. */
async function makeTextSubject(
  target: Target,
  scenario: Scenario,
  signal: AbortSignal,
): Promise<Subject> {
  const { generation, answer, again, consistent } = await generateText(target, scenario, signal);
  const repeat: Repeat = {
    tried: 1,
    disagreements: consistent ? 0 : 1,
    noise: noiseBetween(answer.tokens, again.tokens),
  };
  return { ...derive(generation), repeat, told: 0 };
}

/** Everything of a subject that follows from the generation alone. */
export function derive(
  generation: Generation,
): Pick<Subject, 'generation' | 'markup' | 'views' | 'viewClasses' | 'rawClasses'> {
  const views = viewsOf(generation);
  return {
    generation,
    markup: markupOf(generation),
    views,
    viewClasses: classesOf(views, sameView),
    rawClasses: rawClassesOf(generation.tokens.slice(0, generation.length)),
  };
}

/** The largest change of log-probability over the positions before two runs part. */
export function noiseBetween(a: readonly TokenEvent[], b: readonly TokenEvent[]): number {
  let noise = 0;
  for (const [i, token] of a.entries()) {
    const other = b[i];
    if (other?.id !== token.id) break;
    if (token.logprob !== undefined && other.logprob !== undefined)
      noise = Math.max(noise, Math.abs(token.logprob - other.logprob));
  }
  return noise;
}

function noiseOfChat({ answer, completion }: Generated): number {
  let noise = 0;
  for (const token of answer.tokens) {
    const other = completion.tokens[token.place - 1];
    if (other?.id !== token.id) break;
    if (token.logprob !== undefined && other.logprob !== undefined)
      noise = Math.max(noise, Math.abs(token.logprob - other.logprob));
  }
  return noise;
}

/** The ids of the prompt and of the first `k` generated tokens. */
export function keptIds(generation: Generation, k: number): number[] {
  return [...generation.promptIds, ...idsOf(generation.tokens, 0, k)];
}
