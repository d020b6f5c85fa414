/**
 * A generation that a client has begun itself. Its first tokens are those of the scenario's
 * prefill, encoded as a tokenizer encodes them; the model goes on from there by token ids, which no
 * template and no parser can touch. So the prompt of every resume, the one with the prefill alone
 * included, is held against what it must be.
 */
import type { Target } from '../dialects/dialect.ts';
import { SeamstressError } from '../errors.ts';
import type { Begun, Scenario } from '../scenario/schema.ts';
import { generate, samplingOf, type Generated, type Streamed } from './generate.ts';
import {
  bytesOf,
  EMPTY_VIEW,
  idsOf,
  type Delta,
  type Generation,
  type TokenEvent,
  type ToolCallDelta,
  type View,
} from './generation.ts';
import { layOut, phasesOf } from './phases.ts';
import { asRead, readWritten, writeBegun, writingOf, type Writing } from './written.ts';
import { sameView } from './view.ts';

/** As `Generated`, with the markup that the begun generation may lack. */
export interface GeneratedPrefilled extends Generated {
  readonly writing: Writing;
}

/**
 * Lets the model answer the scenario once without the prefill, for its markup, and then go on from
 * the prefill.
 *
 * @param streamed the answer without the prefill, where it was streamed before
 * @throws {SeamstressError} `target` when the prefill cannot be written in the model's markup, or
 *   what stands there is not read as what was prefilled
 */
export async function generatePrefilled(
  target: Target,
  scenario: Scenario,
  begun: Begun,
  signal: AbortSignal,
  streamed?: Streamed,
): Promise<GeneratedPrefilled> {
  const base = await generate(target, scenario, signal, streamed);
  const writing = writingOf(base.generation);
  const read = asRead(begun, writing);
  const raw = writeBegun(read, writing);
  if (raw === undefined)
    throw failed('the model makes no tool call of its own, so that none can be begun for it', {
      hint: 'A prefilled tool call needs a prompt that the model answers with one.',
    });
  const given = await encodeGiven(target, base.generation, raw, signal);
  const view = readWritten(raw, writing);
  if (!sameView(view, viewOfBegun(read)))
    throw failed('the prefill does not read back as it was given', {
      hint: 'A literal tag in it, or reasoning for a model that does not think?',
    });
  const context = [...base.generation.promptIds, ...idsOf(given)];
  const sampling = samplingOf(scenario);
  const completion = await target.complete(context, sampling, signal);
  const again = await target.complete(context, { ...sampling, cache: 'warm' }, signal);
  const generation = assemble(base.generation, given, completion, writing);
  const same = idsOf(again.tokens).join() === idsOf(completion.tokens).join();
  return { ...base, generation, completion: again, consistent: base.consistent && same, writing };
}

function failed(why: string, options: { hint: string }): SeamstressError {
  return new SeamstressError('target', why, options);
}

function viewOfBegun({ content, reasoning = '', toolCalls = [] }: Begun): View {
  return { reasoning, content, toolCalls };
}

/** The tokens of the prefill: as the server encodes it behind its prompt, where their bytes are known. */
async function encodeGiven(
  target: Target,
  { promptIds, promptText, tokens }: Generation,
  raw: string,
  signal: AbortSignal,
): Promise<readonly TokenEvent[]> {
  if (raw === '') return [];
  const plain = await target.encodePlain(raw, signal);
  const alone = await target.encode(raw, signal);
  if (idsOf(plain).join() !== alone.join())
    throw failed('the markup of its prefill is made of control tokens', {
      hint: 'Prefill the content alone, or switch the thinking off.',
    });
  if (promptText === undefined) return plain;
  const whole = await target.encode(promptText + raw, signal);
  const bytes = new Map([...tokens, ...plain].map((token) => [token.id, token.bytes]));
  const behind = whole.slice(promptIds.length).map((id) => ({ id, bytes: bytes.get(id) }));
  const apart = promptIds.every((id, i) => whole[i] === id);
  const known = behind.flatMap(({ id, bytes: own }) =>
    own === undefined ? [] : [{ id, bytes: own }],
  );
  const same = Buffer.from(bytesOf(known)).equals(Buffer.from(bytesOf(plain)));
  return apart && same ? known : plain;
}

function assemble(
  base: Generation,
  given: readonly TokenEvent[],
  { tokens: more, finish }: Generated['completion'],
  writing: Writing,
): Generation {
  const tokens = [...given, ...more];
  const ended = finish !== 'length' && tokens.at(-1)?.bytes.length === 0;
  const length = tokens.length - (ended ? 1 : 0);
  const deltas = deltasOf(tokens.slice(0, length), given.length, writing);
  const view = readWritten(textOf(tokens, length), writing);
  const phases = phasesOf(tokens, layOut(tokens, view));
  return {
    scenario: base.scenario,
    promptIds: base.promptIds,
    promptText: base.promptText,
    tokens: tokens.map((token, i) => ({ ...token, phase: phases[i] ?? 'content' })),
    length,
    finish: finish === 'length' ? finish : view.toolCalls.length > 0 ? 'tool_calls' : 'stop',
    deltas,
    synthetic: false,
    given: given.length,
  };
}

/** What a client that holds the prefill reads with each token after it. */
function deltasOf(tokens: readonly TokenEvent[], given: number, writing: Writing): Delta[] {
  const deltas: Delta[] = [];
  let held = EMPTY_VIEW;
  for (let k = given; k <= tokens.length; k++) {
    const view = readWritten(textOf(tokens, k), writing);
    const delta = added(held, view, k);
    if (delta === undefined) continue;
    deltas.push(delta);
    held = view;
  }
  return deltas;
}

function textOf(tokens: readonly TokenEvent[], k: number): string {
  const options = { stream: true };
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytesOf(tokens, 0, k), options);
}

/** The delta from one view to the next; undefined when nothing came. */
function added(before: View, after: View, k: number): Delta | undefined {
  if (sameView(before, after)) return undefined;
  const toolCalls = after.toolCalls.flatMap((call, index): ToolCallDelta[] => {
    const known = before.toolCalls[index];
    const args = call.arguments.slice(known?.arguments.length ?? 0);
    if (known !== undefined && args === '') return [];
    return [{ index, ...(known === undefined ? { name: call.name } : {}), arguments: args }];
  });
  return {
    after: k,
    reasoning: after.reasoning.slice(before.reasoning.length),
    content: after.content.slice(before.content.length),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
  };
}
