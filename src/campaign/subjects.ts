/** The generations that a campaign cuts, and the controls that come before the first cut. */
import type { Target } from '../dialects/dialect.ts';
import { SeamstressError } from '../errors.ts';
import { isTextLevel } from '../dialects/text-level-strength.ts';
import type { Scenario } from '../scenario/schema.ts';
import { streamWhole, type Streamed } from '../seam/generate.ts';
import { makeSubject, type Subject } from '../seam/subject.ts';
import type { Controls } from './controls.ts';
import { describeTrouble } from '../wire/refusal.ts';
import { inOrder, LimitedRoom, sideBySide } from './limit.ts';
import type { RunListener } from './events.ts';
import type { State } from './make-record.ts';
import type { CampaignOptions } from './run.ts';
import { chooseCuts } from './sample.ts';
import type { Shelf, Subjects } from './shelf.ts';

/** Cuts of each scenario that the token control resumes. */
const TOKEN_CONTROLS = 8;

/**
 * One generation a scenario, put on the shelf. A scenario that fails is left out and named.
 *
 * @throws {SeamstressError} the last error when all fail
 */
export async function makeSubjects(
  target: Target,
  options: CampaignOptions,
  signal: AbortSignal,
  controls: Controls,
  state: State,
  listener: RunListener,
  shelf: Shelf,
): Promise<void> {
  let last: SeamstressError | undefined;
  for await (const { scenario, result } of made(target, options, signal)) {
    if (result.status === 'rejected') {
      const what = `scenario ${scenario.id}`;
      const why = describeTrouble(result.reason);
      state.untested.push({ what, why });
      last = inScenario(what, why, result.reason);
      state.errors.push(last.message);
      continue;
    }
    const subject = result.value;
    controls.addRepeat(subject);
    if (subject.repeat.tried === 0) state.once++;
    shelf.add(subject);
    listener({
      kind: 'generated',
      scenario: scenario.id,
      tokens: subject.generation.length,
      consistent: subject.repeat.disagreements === 0,
    });
  }
  if (shelf.length === 0 && last !== undefined) throw last;
}

/** The error of a scenario that could not be generated, with its name. */
function inScenario(what: string, why: string, cause: unknown): SeamstressError {
  const known = cause instanceof SeamstressError ? cause : undefined;
  return new SeamstressError(known?.code ?? 'target', `${what}: ${why}`, {
    hint: known?.hint ?? 'Look at the log of the server.',
    cause,
  });
}

interface Made {
  readonly scenario: Scenario;
  readonly result: PromiseSettledResult<Subject>;
}

/**
 * The subjects in the order of the scenarios: the streams of some of them one after the other, then
 * what else these need side by side, where the server can do that.
 */
async function* made(
  target: Target,
  { scenarios, concurrency, compare }: CampaignOptions,
  signal: AbortSignal,
): AsyncGenerator<Made> {
  const most = sideBySide(target, concurrency);
  const once = compare === 0;
  for (let from = 0; from < scenarios.length; from += most) {
    const group = scenarios.slice(from, from + most);
    const streams: PromiseSettledResult<Streamed | undefined>[] = [];
    for (const scenario of group)
      streams.push(
        await tried(signal, async () =>
          isTextLevel(target) ? undefined : await streamWhole(target, scenario, signal, once),
        ),
      );
    yield* inOrder(group.entries(), most, async ([i, scenario]) => {
      const stream = streams[i] as PromiseSettledResult<Streamed | undefined>;
      const result = await tried(signal, async () => {
        if (stream.status === 'rejected') throw stream.reason;
        const streamed = stream.value;
        return await makeSubject(target, scenario, signal, { streamed, once });
      });
      return { scenario, result };
    });
  }
}

/** @throws the task's own error when the run was aborted */
async function tried<T>(
  signal: AbortSignal,
  task: () => Promise<T>,
): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([task()]);
  if (result.status === 'rejected' && signal.aborted) throw result.reason;
  return result;
}

/**
 * Resumes some cuts of each generation by token ids, each as far as the next one, so that together
 * they make the generation a second time.
 */
export async function runTokenControls(
  subjects: Subjects,
  { seed, compare, concurrency }: Pick<CampaignOptions, 'seed' | 'compare' | 'concurrency'>,
  controls: Controls,
): Promise<void> {
  const room = new LimitedRoom(concurrency);
  try {
    for (const subject of subjects) {
      const cuts = chooseCuts(subject.generation, TOKEN_CONTROLS, seed);
      await Promise.all(
        cuts.map((k, i) => {
          const far = Math.min(compare, (cuts[i + 1] ?? Infinity) - k);
          return room.generations(() => controls.token(subject, k, far));
        }),
      );
    }
  } finally {
    await room.empty();
  }
}
