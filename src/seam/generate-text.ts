/**
 * The uninterrupted generation of a server that tells no token ids: its pieces play the tokens,
 * and what it counts is kept, since a count is all that is ever seen of its prompts.
 */
import type { Answer, Target } from '../dialects/dialect.ts';
import { SeamstressError } from '../errors.ts';
import type { Scenario } from '../scenario/schema.ts';
import { describeEnd, endedWell } from '../wire/end.ts';
import { requestOf, samplingOf } from './generate.ts';
import type { Generation, Phase } from './generation.ts';
import { sameView, viewOf } from './view.ts';

/** A generation, and the same run a second time. */
export interface GeneratedText {
  readonly generation: Generation;
  readonly answer: Answer;
  /** The repeat: a hosted server cannot be asked to forget its cache, so it may be a warm one. */
  readonly again: Answer;
  /** True when both runs give the same message. */
  readonly consistent: boolean;
}

/**
 * Streams a scenario's answer twice.
 *
 * @throws {SeamstressError} `target` when a stream does not end in good order or is empty
 */
export async function generateText(
  target: Target,
  scenario: Scenario,
  signal: AbortSignal,
): Promise<GeneratedText> {
  const answer = await wholeAnswer(target, scenario, 'cold', signal);
  const again = await wholeAnswer(target, scenario, 'warm', signal);
  const consistent =
    sameView(viewOf(answer.deltas), viewOf(again.deltas)) && answer.finish === again.finish;
  return { generation: assembleText(scenario, answer), answer, again, consistent };
}

async function wholeAnswer(
  target: Target,
  scenario: Scenario,
  cache: 'cold' | 'warm',
  signal: AbortSignal,
): Promise<Answer> {
  const sampling = { ...samplingOf(scenario), cache };
  const read = { signal, use: `whole ${cache}` };
  const answer = await target.chat(requestOf(scenario), sampling, read);
  if (!endedWell(answer.end))
    throw new SeamstressError('target', `the stream ${describeEnd(answer.end)}`, {
      hint: 'The uninterrupted run must be whole before it can be cut.',
    });
  if (answer.tokens.length === 0)
    throw new SeamstressError('target', 'the model wrote no text', {
      hint: 'Use a prompt that the model answers, or allow it more tokens.',
    });
  return answer;
}

/** The generation that one answer is. */
export function assembleText(scenario: Scenario, answer: Answer): Generation {
  const phases = phasesOf(answer);
  return {
    scenario,
    promptIds: [],
    promptText: undefined,
    tokens: answer.tokens.map(({ place, ...token }) => ({
      ...token,
      phase: phases[place - 1] ?? 'content',
    })),
    length: answer.tokens.length,
    finish: answer.finish,
    deltas: answer.deltas,
    synthetic: false,
    counts: { prompt: answer.usage.promptTokens, generated: answer.usage.generatedTokens },
  };
}

/** A piece lies where the delta lies that it adds; one that adds none, where the next one does. */
function phasesOf({ tokens, deltas }: Answer): Phase[] {
  const phases: Phase[] = [];
  for (const delta of deltas) {
    const phase =
      delta.toolCalls !== undefined
        ? 'tool-call'
        : delta.reasoning === undefined
          ? 'content'
          : 'reasoning';
    while (phases.length < delta.after) phases.push(phase);
  }
  while (phases.length < tokens.length) phases.push(phases.at(-1) ?? 'content');
  return phases;
}
