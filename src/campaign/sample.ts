/** Which cuts are tested, and which of those that agree are resumed for real. */
import { phaseAt, PHASES, type Generation } from '../seam/generation.ts';
import type { Strategy } from '../seam/strategy.ts';
import type { Subject } from '../seam/subject.ts';
import { chance } from './random.ts';

/** Tokens that a resume at the border of a phase is compared for: what goes wrong there shows at once. */
const AT_BORDERS = 8;

/** Cuts inside a character that are resumed, per scenario and strategy. */
const MOST_CHARACTERS = 4;

/** The cuts of a generation to test: all, or the borders of phases and as many others as fit. */
export function chooseCuts(generation: Generation, cuts: 'all' | number, seed: number): number[] {
  const least = generation.given ?? 0;
  const all = Array.from({ length: generation.length + 1 - least }, (_, i) => least + i);
  if (cuts === 'all' || cuts >= all.length) return all;
  const borders = all.filter(
    (k) =>
      k === least ||
      k === generation.length ||
      phaseAt(generation, k) !== phaseAt(generation, k + 1),
  );
  const others = all
    .filter((k) => !borders.includes(k))
    .toSorted((a, b) => rank(generation, seed, a) - rank(generation, seed, b));
  return [...borders, ...others].slice(0, Math.max(1, cuts)).toSorted((a, b) => a - b);
}

function rank(generation: Generation, seed: number, k: number): number {
  return chance(seed, 'cut', generation.scenario.id, k);
}

/**
 * How far each cut is resumed for real when its prompt agrees: one random cut to the very end; one
 * random cut of each phase for `compare` tokens; the first and the last cut of each phase, and cuts
 * that a client cannot tell from an earlier one, for a few; the rest not at all.
 */
export function planResumes(
  subject: Subject,
  strategy: Strategy,
  cuts: readonly number[],
  compare: number,
  seed: number,
): Map<number, 'whole' | number> {
  const { generation } = subject;
  const id = generation.scenario.id;
  const plan = new Map<number, 'whole' | number>();
  let characters = 0;
  for (const [i, k] of cuts.entries()) {
    const phase = phaseAt(generation, k);
    const first = i === 0 || phaseAt(generation, cuts[i - 1] ?? 0) !== phase;
    const last = i === cuts.length - 1 || phaseAt(generation, cuts[i + 1] ?? 0) !== phase;
    const inside = startsInsideCharacter(subject, k) && characters++ < MOST_CHARACTERS;
    if (first || last || inside) plan.set(k, Math.min(compare, AT_BORDERS));
  }
  for (const phase of PHASES) {
    const own = cuts.filter((k) => phaseAt(generation, k) === phase);
    const inner = own[Math.floor(chance(seed, 'inner', id, strategy.name, phase) * own.length)];
    if (inner !== undefined) plan.set(inner, compare);
  }
  const whole = cuts[Math.floor(chance(seed, 'whole', id, strategy.name) * cuts.length)];
  if (whole !== undefined) plan.set(whole, 'whole');
  return plan;
}

/** The cut falls inside a character, or right before one that spans several tokens. */
function startsInsideCharacter(subject: Subject, k: number): boolean {
  const here = subject.rawClasses[k];
  const next = subject.rawClasses[k + 1];
  const inside = here !== undefined && here.last > here.first && k > here.first;
  return inside && (next === undefined || next.first !== here.first);
}
