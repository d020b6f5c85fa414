/**
 * Does a server's tokenizer agree with the local one? Where they part, whatever was concluded from
 * the local one does not hold for that server, so that the difference is a finding of its own.
 */
import type { Disagreement, DisagreementKind, TokenizerComparison } from './compareSchema.ts';
import { showPiece, visible } from './text.ts';
import type { LocalTokenizer } from './tokenizer.ts';

/** A text and the ids that a server gives for it, without BOS and EOS of its own where it can be asked so. */
export interface ServerEncoding {
  readonly text: string;
  readonly ids: readonly number[];
}

const CONTEXT = 12;

/** Compares a server's ids with those of the local tokenizer, text by text. */
export function compareTokenizers(
  tokenizer: LocalTokenizer,
  encodings: Iterable<ServerEncoding>,
): TokenizerComparison {
  let compared = 0;
  let differing = 0;
  const byKind: Partial<Record<DisagreementKind, number>> = {};
  let smallest: Disagreement | undefined;
  for (const encoding of encodings) {
    compared++;
    const found = disagreementOf(tokenizer, encoding);
    if (found === undefined) continue;
    differing++;
    byKind[found.kind] = (byKind[found.kind] ?? 0) + 1;
    if (smallest === undefined || sizeOf(found) < sizeOf(smallest)) smallest = found;
  }
  return { compared, differing, byKind, smallest };
}

function sizeOf({ server, local }: Disagreement): number {
  return server.ids.length + local.ids.length;
}

function disagreementOf(
  tokenizer: LocalTokenizer,
  { text, ids: server }: ServerEncoding,
): Disagreement | undefined {
  const local = tokenizer.encode(text);
  let smallest: Disagreement | undefined;
  for (const region of regions(tokenizer, server, local)) {
    const serverIds = server.slice(region.server[0], region.server[1]);
    const localIds = local.slice(region.local[0], region.local[1]);
    const show = (ids: readonly number[]): string[] =>
      ids.map((id) => showPiece(tokenizer.bytes(id)));
    const found: Disagreement = {
      kind: kindOf(tokenizer, serverIds, localIds, region, [server.length, local.length]),
      text,
      at: region.server[0],
      server: { ids: serverIds, pieces: show(serverIds) },
      local: { ids: localIds, pieces: show(localIds) },
      before: visible(tokenizer.decode(local.slice(0, region.local[0])).slice(-CONTEXT)),
      after: visible(decodeRest(tokenizer, local.slice(region.local[1])).slice(0, CONTEXT)),
    };
    if (smallest === undefined || sizeOf(found) < sizeOf(smallest)) smallest = found;
  }
  return smallest;
}

/** The text of ids that others stand before: nothing is taken off its start. */
function decodeRest(tokenizer: LocalTokenizer, ids: readonly number[]): string {
  return Buffer.concat(ids.map((id) => tokenizer.bytes(id))).toString('utf8');
}

/** Where two lists differ: half-open ranges of indices into each. */
interface Region {
  readonly server: readonly [number, number];
  readonly local: readonly [number, number];
}

/**
 * The differing ranges between places where both lists have come equally far in the text. Lists
 * that do not stand for the same bytes have one, between their common beginning and end.
 */
function regions(
  tokenizer: LocalTokenizer,
  server: readonly number[],
  local: readonly number[],
): Region[] {
  const bytes = (ids: readonly number[]): Buffer =>
    Buffer.concat(ids.map((id) => tokenizer.bytes(id)));
  const unknown = server.some((id) => tokenizer.bytes(id).length === 0);
  if (unknown || !bytes(server).equals(bytes(local))) {
    const region = differingMiddle(server, local);
    return region === undefined ? [] : [region];
  }
  const found: Region[] = [];
  const start = { server: 0, local: 0 };
  let [i, j, serverEnd, localEnd] = [0, 0, 0, 0];
  while (i < server.length || j < local.length) {
    if (serverEnd <= localEnd && i < server.length)
      serverEnd += tokenizer.bytes(server[i++] ?? 0).length;
    else localEnd += tokenizer.bytes(local[j++] ?? 0).length;
    if (serverEnd !== localEnd || (i === start.server) !== (j === start.local)) continue;
    const alike = i - start.server === 1 && j - start.local === 1 && server[i - 1] === local[j - 1];
    if (!alike) found.push({ server: [start.server, i], local: [start.local, j] });
    [start.server, start.local] = [i, j];
  }
  return found;
}

function differingMiddle(server: readonly number[], local: readonly number[]): Region | undefined {
  let from = 0;
  while (from < Math.min(server.length, local.length) && server[from] === local[from]) from++;
  let [serverTo, localTo] = [server.length, local.length];
  if (from === serverTo && from === localTo) return undefined;
  while (serverTo > from && localTo > from && server[serverTo - 1] === local[localTo - 1]) {
    serverTo--;
    localTo--;
  }
  return { server: [from, serverTo], local: [from, localTo] };
}

function kindOf(
  tokenizer: LocalTokenizer,
  server: readonly number[],
  local: readonly number[],
  region: Region,
  lengths: readonly [server: number, local: number],
): DisagreementKind {
  const atAnEnd =
    region.server[0] === 0 || (region.server[1] === lengths[0] && region.local[1] === lengths[1]);
  const isSpecial = (id: number): boolean => tokenizer.isSpecial(id) || isUnknown(tokenizer, id);
  if (local.length === 0 && server.length > 0 && atAnEnd && server.every(isSpecial))
    return 'added-ids';
  if (server.some((id) => isUnknown(tokenizer, id))) return 'unknown-id';
  const text = (ids: readonly number[]): string => decodeRest(tokenizer, ids);
  if (text(server) !== text(local)) return 'other-text';
  const added = [...server, ...local].some((id) => tokenizer.isAdded(id));
  return added ? 'special-literal' : 'other-split';
}

/** An id that has no bytes here; the token for unknown text has some. */
function isUnknown(tokenizer: LocalTokenizer, id: number): boolean {
  return tokenizer.bytes(id).length === 0;
}
