/** What a run shows of the tokenizer, as lines for a terminal. */
import { visible } from '../../tokens/text.ts';
import type { RunRecord } from '../record.ts';

export function tokenizationLines({ tokenization }: RunRecord): string[] {
  if (tokenization === undefined) return [];
  const { table, comparison } = tokenization;
  const { alone, afterHeader, cuts, untested } = table.total;
  const failing = table.kinds.filter(({ afterHeader: own }) => own.notIdempotent.count > 0);
  return [
    `tokenizer   ${afterHeader.notIdempotent.count} of ${cuts} cuts do not come back after their prompt (${interval(afterHeader.notIdempotent)}), ${alone.notIdempotent.count} alone: ${afterHeader.cutInduced.count} by the cut, ${afterHeader.nonCanonical.count} by ids that the tokenizer would not choose`,
    ...(failing.length === 0
      ? []
      : [
          `            in ${failing.map(({ kind, afterHeader: own }) => `${kind} ${own.notIdempotent.count}/${own.notIdempotent.of}`).join(', ')}`,
        ]),
    ...(table.basis === 'bytes'
      ? ['            without --tokenizer only cuts inside characters are seen']
      : []),
    ...(untested > 0 ? [`            ${untested} cuts were not tested`] : []),
    ...(comparison === undefined ? [] : comparisonLines(comparison)),
  ];
}

function comparisonLines({
  compared,
  differing,
  smallest,
}: NonNullable<NonNullable<RunRecord['tokenization']>['comparison']>): string[] {
  if (differing === 0 || smallest === undefined)
    return [`            the local tokenizer encodes ${compared} texts as the server does`];
  return [
    `            the local tokenizer differs from the server's in ${differing} of ${compared} texts (${smallest.kind}):`,
    `              server …${visible(smallest.before)}│${side(smallest.server.pieces)}│${visible(smallest.after)}…   ids ${smallest.server.ids.join(' ')}`,
    `              local  …${visible(smallest.before)}│${side(smallest.local.pieces)}│${visible(smallest.after)}…   ids ${smallest.local.ids.join(' ')}`,
  ];
}

function side(pieces: readonly string[]): string {
  return visible(pieces.join('│'));
}

function interval({ low, high }: { readonly low: number; readonly high: number }): string {
  return `${percent(low)} to ${percent(high)} %`;
}

function percent(share: number): string {
  return (share * 100).toFixed(1);
}
