/** `--compare 0`: prompts are compared and nothing is resumed. What cannot be tested so is said. */
import { ROUTES, type Target } from '../dialects/dialect.ts';
import { isRendered } from '../dialects/route.ts';
import { isTextLevel } from '../dialects/text-level-strength.ts';
import { SeamstressError } from '../errors.ts';
import { requestOf } from '../seam/generate.ts';
import { hasPrompt, type Strategy } from '../seam/strategy.ts';
import type { State } from './make-record.ts';
import type { Subjects } from './shelf.ts';

/** @throws {SeamstressError} `usage` where a server does not tell its prompts */
export function requirePrompts(target: Target): void {
  if (isTextLevel(target))
    throw new SeamstressError(
      'usage',
      `--compare 0 compares prompts alone, and ${target.identity.url} does not tell the ids of any`,
      { hint: 'Leave it out: only the output of resumes can be compared there.' },
    );
}

/**
 * The strategies whose prompts a server tells: not those that have none, nor a route that it does not
 * render. The rest is noted as not tested.
 */
export async function promptsTold(
  target: Target,
  strategies: readonly Strategy[],
  subjects: Subjects,
  signal: AbortSignal,
  state: State,
): Promise<Strategy[]> {
  const told: Strategy[] = [];
  const leave = (name: string, why: string): void => {
    state.untested.push({
      what: `the strategy ${name}`,
      why: `prompts alone are compared: ${why}`,
    });
  };
  for (const strategy of strategies)
    if (!hasPrompt(strategy)) leave(strategy.name, 'it has none that could be');
    else if (!(await tellsPrompt(target, strategy, subjects, signal)))
      leave(strategy.name, 'this server does not tell what prompt it makes of it');
    else told.push(strategy);
  return told;
}

/** Whether a server renders what a strategy sends by another route than the chat. */
async function tellsPrompt(
  target: Target,
  { needs = [] }: Strategy,
  subjects: Subjects,
  signal: AbortSignal,
): Promise<boolean> {
  const route = ROUTES.find((one) => needs.includes(one));
  const subject = subjects.at(0);
  if (route === undefined || subject === undefined) return true;
  const request = { ...requestOf(subject.generation.scenario), route };
  return await isRendered(() => target.render(request, signal));
}
