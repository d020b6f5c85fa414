/** Strategies by name, as a command line gives them: `reasoning-field`, `reasoning-field/start-over`. */
import { SeamstressError } from '../errors.ts';
import { EDITS, withEdits } from './edits.ts';
import { STRATEGIES, type Strategy } from './strategy.ts';
import { THINKING_ONLY } from './thinking-only.ts';

/** Also those that a run tests only when they are named. */
const ALL: readonly Strategy[] = [...STRATEGIES, ...THINKING_ONLY];

/**
 * The strategies with these names. When none is named: all but the control, and those that are made
 * for some cuts only.
 *
 * @throws {SeamstressError} `usage` for an unknown strategy or edit
 */
export function strategiesNamed(names: readonly string[]): Strategy[] {
  if (names.length === 0) return STRATEGIES.filter((strategy) => strategy.name !== 'token-ids');
  return names.map((name) => {
    const [base = '', ...edits] = name.split('/');
    const strategy = find('strategy', 'Strategies', ALL, base);
    return withEdits(
      strategy,
      edits.map((edit) => find('edit', 'Edits', EDITS, edit)),
    );
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
