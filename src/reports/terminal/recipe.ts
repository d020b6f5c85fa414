/** The recipe search, as a table for a terminal. */
import { EDITS } from '../../seam/edits.ts';
import { PHASES } from '../../seam/generation.ts';
import type { RecipeScore, RunRecord } from '../record.ts';
import { table } from './table.ts';

/** Recipes with edits that the matrix shows, the best first. */
const EDITED = 4;

export function recipeTable({ recipe }: RunRecord): string[] {
  const { byPhase, everywhere, matrix } = recipe;
  if (byPhase.length === 0) return [];
  const name = everywhere[0]?.recipe;
  const whole = everywhere.every(({ exact, tried }) => exact === tried);
  return [
    ...shares(matrix),
    'recipe, and the cuts at which it is exact',
    ...table(byPhase.map(row)),
    ...(name === undefined
      ? []
      : [
          `  ${whole ? 'everywhere' : 'nearest everywhere'}: ${name} (${everywhere.map(({ phase, exact, tried }) => `${phase} ${exact}/${tried}`).join(', ')})`,
        ]),
    ...editsOf([...byPhase, ...everywhere]).map((line) => `  ${line}`),
    '',
  ];
}

function row({ phase, recipe: name, exact, tried }: RecipeScore): string[] {
  return [
    `  ${phase.padEnd(9)}  ${exact === tried ? name : `none; nearest ${name}`}`,
    `${exact}/${tried}`,
  ];
}

/** Strategies as they are, and the best ones with edits, against phases. */
function shares(matrix: readonly RecipeScore[]): string[] {
  const phases = PHASES.filter((phase) => matrix.some((score) => score.phase === phase));
  const names = [...new Set(matrix.map((score) => score.recipe))];
  const cell = (name: string, phase: string): RecipeScore | undefined =>
    matrix.find((score) => score.recipe === name && score.phase === phase);
  const mean = (name: string): number =>
    phases.reduce((sum, phase) => sum + share(cell(name, phase)), 0) / phases.length;
  const plain = names.filter((name) => !name.includes('/'));
  const edited = names
    .filter((name) => name.includes('/'))
    .toSorted((a, b) => mean(b) - mean(a) || a.length - b.length)
    .slice(0, EDITED);
  const left = names.length - plain.length - edited.length;
  const rows = [...plain, ...edited].map((name) => [
    name,
    ...phases.map((phase) => {
      const score = cell(name, phase);
      return score === undefined ? '' : `${Math.floor(share(score) * 100)} %`;
    }),
  ]);
  const tried = Math.max(...matrix.map((score) => score.tried));
  return [
    `ways to resume: cuts whose prompt is exact, of up to ${tried} a phase`,
    ...table([['', ...phases], ...rows]).map((line) => `  ${line}`),
    ...(left > 0 ? [`  … and ${left} more with edits, in the record`] : []),
    '',
  ];
}

function share(score: RecipeScore | undefined): number {
  return score === undefined || score.tried === 0 ? 0 : score.exact / score.tried;
}

/** What the edits named in the recipes ask of a client. */
function editsOf(scores: readonly RecipeScore[]): string[] {
  const names = new Set(scores.flatMap((score) => score.recipe.split('/').slice(1)));
  return EDITS.filter((edit) => names.has(edit.name)).map(
    (edit) => `${edit.name}: ${edit.describe}`,
  );
}
