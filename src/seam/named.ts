/** Strategies by name, as a command line gives them: `reasoning-field`, `reasoning-field/start-over`. */
import { SeamstressError } from '../errors.ts';
import { EDITS, withEdits } from './edits.ts';
import { canBeWhole, OTHER_STRATEGIES, WHOLE } from './other-ways.ts';
import { STRATEGIES, type Strategy } from './strategy.ts';
import { THINKING_ONLY } from './thinking-only.ts';

/** Also those that a run tests only when they are named. */
const ALL: readonly Strategy[] = [...STRATEGIES, ...THINKING_ONLY, ...OTHER_STRATEGIES];

const ALL_EDITS = [...EDITS, WHOLE];

/**
 * The strategies with these names. When none is named: all but the control, those that are made
 * for some cuts only, and those that ask in another way than by a streamed chat.
 *
 * @throws {SeamstressError} `usage` for an unknown strategy or edit
 */
export function strategiesNamed(names: readonly string[]): Strategy[] {
  if (names.length === 0) return STRATEGIES.filter((strategy) => strategy.name !== 'token-ids');
  return names.map((name) => {
    const [base = '', ...edits] = name.split('/');
    const strategy = find('strategy', 'Strategies', ALL, base);
    const chosen = edits.map((edit) => find('edit', 'Edits', ALL_EDITS, edit));
    const edited = withEdits(strategy, chosen);
    if (!chosen.includes(WHOLE)) return edited;
    if (!canBeWhole(strategy))
      throw new SeamstressError('usage', `${base} cannot be asked for as a whole answer`, {
        hint: 'The edit "whole" is for strategies that send a streamed chat.',
      });
    return { ...edited, needs: ['whole'] };
  });
}

function find<T extends { readonly name: string }>(
  kind: string,
  kinds: string,
  all: readonly T[],
  name: string,
): T {
  const known = all.find((one) => one.name === name);
  if (known !== undefined) return known;
  throw new SeamstressError('usage', `there is no ${kind} "${name}"`, {
    hint: `${kinds}: ${all.map((one) => one.name).join(', ')}.`,
  });
}
