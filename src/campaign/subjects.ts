/** The generations that a campaign cuts, and the controls that come before the first cut. */
import type { Target } from '../dialects/dialect.ts';
import { messageOf, SeamstressError } from '../errors.ts';
import { makeSubject } from '../seam/subject.ts';
import type { Controls } from './controls.ts';
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
 * @throws the last error when all fail
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
  let last: unknown;
  for (const scenario of options.scenarios) {
    try {
      const subject = await makeSubject(target, scenario, signal);
      controls.addRepeat(subject);
      shelf.add(subject);
      const { length } = subject.generation;
      listener({
        kind: 'generated',
        scenario: scenario.id,
        tokens: length,
        consistent: subject.repeat.disagreements === 0,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      last = error;
      state.untested.push({ what: `scenario ${scenario.id}`, why: messageOf(error) });
      state.errors.push(messageOf(error));
    }
  }
  if (shelf.length === 0 && last !== undefined)
    throw last instanceof SeamstressError
      ? last
      : new SeamstressError('target', `no scenario could be generated: ${messageOf(last)}`, {
          hint: 'Look at the log of the server.',
          cause: last,
        });
}

/** Resumes some cuts of each generation by token ids. */
export async function runTokenControls(
  subjects: Subjects,
  { seed, compare }: Pick<CampaignOptions, 'seed' | 'compare'>,
  controls: Controls,
): Promise<void> {
  for (const subject of subjects)
    for (const k of chooseCuts(subject.generation, TOKEN_CONTROLS, seed))
      await controls.token(subject, k, compare);
}
