/** Many generations over a flaky server, each cut often, and what came of them. */
import fc from 'fast-check';
import type { Target } from '../dialects/dialect.ts';
import { connect } from '../dialects/registry.ts';
import type { Scenario } from '../scenario/schema.ts';
import type { Phase, View } from '../seam/generation.ts';
import { sameView } from '../seam/view.ts';
import { BREAKS, type Flaky, type Lane, type PlannedBreak } from './flaky.test-help.ts';
import { ResumeError } from './error.ts';
import type { ResumeEvent } from './events.ts';
import { resume, type ResumeOptions } from './resume.ts';

/** A message as a caller of `resume()` puts it together from the deltas alone. */
export interface Message {
  readonly view: View;
  readonly finish: string | undefined;
  readonly ids: readonly (number | undefined)[];
  readonly events: readonly ResumeEvent[];
}

/** Reads a message to its end. */
export async function read(options: ResumeOptions): Promise<Message> {
  const events: ResumeEvent[] = [];
  for await (const event of resume(options)) events.push(event);
  const last = events.at(-1);
  if (last?.kind !== 'finished') throw new Error('the last event is not `finished`');
  const view: View = {
    reasoning: events.map((e) => (e.kind === 'delta' ? (e.reasoning ?? '') : '')).join(''),
    content: events.map((e) => (e.kind === 'delta' ? (e.content ?? '') : '')).join(''),
    toolCalls: last.view.toolCalls,
  };
  return { view, finish: last.finish, ids: last.ids, events };
}

export interface Many {
  readonly scenarios: readonly Scenario[];
  readonly recipe: string;
  readonly generations: number;
  readonly cuts: number;
  readonly seed: number;
  /** Clients at once. */
  readonly lanes: number;
  readonly rewind?: number;
  readonly breaks?: readonly (typeof BREAKS)[number][];
}

export interface ManyResult {
  readonly equal: number;
  /** Generations that were refused, by the cause that was named, or the server's words. */
  readonly refused: Readonly<Record<string, number>>;
  /** Generations that came out otherwise, or ended in another error: one line each. */
  readonly wrong: readonly string[];
  /** Cuts that were made, by phase. */
  readonly cuts: Readonly<Partial<Record<Phase, number>>>;
  readonly cutsMade: number;
}

/** Runs them with some clients at once. */
export async function resumeMany(flaky: Flaky, many: Many): Promise<ManyResult> {
  const plans = fc.sample(planOf(many), { seed: many.seed, numRuns: many.generations });
  const result = {
    equal: 0,
    refused: {} as Record<string, number>,
    wrong: [] as string[],
    cuts: {} as Record<string, number>,
    cutsMade: 0,
  };
  const expected = new Map<string, Expected>();
  const { signal } = new AbortController();
  const open = async (): Promise<{ lane: Lane; target: Target }> => {
    const lane = flaky.lane();
    const timeouts = { stallMs: 250 };
    return { lane, target: await connect(undefined, { url: lane.url, timeouts }, signal) };
  };
  const first = await open();
  for (const scenario of many.scenarios) {
    const message = await read(optionsOf(scenario, first.target, many));
    const { messages, tools, thinking, maxTokens } = scenario;
    const prompt = await first.target.render({ messages, tools, thinking }, signal);
    const sampling = { maxTokens, top: 0, cache: 'cold' } as const;
    const { tokens } = await first.target.complete(prompt.ids, sampling, signal);
    const ids = tokens.map(({ id }) => id);
    expected.set(scenario.id, { message, events: first.lane.passed, ids });
  }
  await first.target.close();
  let next = 0;
  const work = async (): Promise<void> => {
    const { lane, target } = await open();
    for (let plan = plans[next++]; plan !== undefined; plan = plans[next++]) {
      const scenario = many.scenarios[plan.scenario];
      const known = scenario === undefined ? undefined : expected.get(scenario.id);
      if (scenario === undefined || known === undefined) continue;
      lane.broken = 0;
      lane.plan = breaksOf(plan, known.events);
      const where = `${scenario.id}, ${JSON.stringify(plan)}`;
      try {
        const message = await read(optionsOf(scenario, target, many));
        for (const event of message.events)
          if (event.kind === 'cut') result.cuts[event.phase] = (result.cuts[event.phase] ?? 0) + 1;
        const difference = differs(message, known);
        if (difference === undefined) result.equal++;
        else result.wrong.push(`${where}: ${difference}`);
      } catch (error) {
        const why = refusalOf(error);
        if (why === undefined) result.wrong.push(`${where}: ${String(error)}`);
        else result.refused[why] = (result.refused[why] ?? 0) + 1;
      }
      result.cutsMade += lane.broken;
      lane.plan = [];
    }
    await target.close();
  };
  await Promise.all(Array.from({ length: many.lanes }, work));
  return result;
}

/** Why a message was not gone on with, where that was known before anything was generated. */
function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof ResumeError)) return undefined;
  return error.problem === 'prompt-differs' ? error.difference?.cause : refusedBy(error);
}

function refusedBy({ problem, message }: ResumeError): string | undefined {
  return problem === 'refused' ? message.replace(/^.*HTTP \d+: /, '') : undefined;
}

/** The uninterrupted run: by the chat stream, and by ids. */
interface Expected {
  readonly message: Message;
  readonly events: number;
  readonly ids: readonly number[];
}

interface Plan {
  readonly scenario: number;
  /** Shares of the stream, in order. */
  readonly at: readonly number[];
  readonly how: readonly number[];
}

function planOf({ scenarios, cuts }: Many): fc.Arbitrary<Plan> {
  const all = { minLength: cuts, maxLength: cuts };
  return fc.record({
    scenario: fc.noBias(fc.nat(scenarios.length - 1)),
    at: fc
      .array(fc.noBias(fc.nat(999)), all)
      .map((shares) => shares.map((share) => share / 1000).toSorted((a, b) => a - b)),
    how: fc.array(fc.noBias(fc.nat(59)), all),
  });
}

/** The breaks of a plan: never so many events in all that the message could end before the last one. */
function breaksOf({ at, how }: Plan, events: number): PlannedBreak[] {
  const places = at.map((share) => Math.floor(share * (events - 3)));
  return places.map((place, i) => ({
    events: place - (places[i - 1] ?? 0),
    how: breakOf(how[i] ?? 0),
  }));
}

/** Stalls take time, so there are few. */
function breakOf(drawn: number): PlannedBreak['how'] {
  if (drawn === 0) return 'stall';
  const quick = BREAKS.filter((way) => way !== 'stall');
  return quick[drawn % quick.length] ?? 'reset';
}

function optionsOf(scenario: Scenario, target: Target, many: Many): ResumeOptions {
  const { messages, tools, thinking, maxTokens } = scenario;
  return {
    target,
    recipe: many.recipe,
    messages,
    tools,
    maxTokens,
    attempts: many.cuts + 20,
    cache: 'cold',
    waitMs: 1,
    ...(thinking === undefined ? {} : { thinking }),
    ...(many.rewind === undefined ? {} : { rewind: many.rewind }),
  };
}

/** How a message differs from the uninterrupted one; every id that was told or learned counts. */
function differs(got: Message, { message, ids }: Expected): string | undefined {
  if (!sameView(got.view, message.view))
    return `${JSON.stringify(got.view)} instead of ${JSON.stringify(message.view)}`;
  if (got.finish !== message.finish) return `finish ${got.finish} instead of ${message.finish}`;
  const wrong = got.ids.findIndex((id, i) => id !== undefined && id !== ids[i]);
  if (wrong >= 0) return `id ${got.ids[wrong]} instead of ${ids[wrong]} at ${wrong}`;
  if (got.ids.length !== message.ids.length)
    return `${got.ids.length} tokens instead of ${message.ids.length}`;
  return undefined;
}
