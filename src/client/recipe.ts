/** A recipe as `probe` gives it: by its name, or in the JSON that `seamstress probe --json` prints. */
import { SeamstressError } from '../errors.ts';
import { strategiesNamed } from '../seam/named.ts';
import type { Strategy } from '../seam/strategy.ts';

/** A name such as `reasoning-field/start-over`, or probe's JSON, of which only the recipe is read. */
export type Recipe = string | { readonly recipe?: string | undefined };

/** Strategies that send no chat message, or resume one kind of cut only. */
const NO_RECIPE: ReadonlySet<string> = new Set([
  'raw-text',
  'token-ids',
  'thinking-only',
  'thinking-only+flags',
]);

/**
 * The strategy behind a recipe.
 *
 * @throws {SeamstressError} `usage` when the probe found none, for an unknown name, and for a
 *   strategy that sends no chat message
 */
export function strategyOf(recipe: Recipe): Strategy {
  const name = typeof recipe === 'string' ? recipe : recipe.recipe;
  if (name === undefined)
    throw new SeamstressError('usage', 'the probe found no recipe for this server', {
      hint: 'Without one a generation that was cut can only be started again.',
    });
  const base = name.split('/')[0] ?? '';
  if (NO_RECIPE.has(base))
    throw new SeamstressError('usage', `"${base}" does not resume a chat wherever it was cut`, {
      hint: 'Use a recipe that sends a message: reasoning-field, inline-think, content-only.',
    });
  const [strategy] = strategiesNamed([name]);
  if (strategy === undefined) throw new SeamstressError('usage', `there is no recipe "${name}"`);
  return strategy;
}
