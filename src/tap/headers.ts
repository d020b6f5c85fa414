/** Headers as they pass through the tap: flat lists of names and values, in the order of the wire. */

/** Headers that belong to one connection and not to the message (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  // Node's server has answered it already.
  'expect',
]);

/** `[name, value, name, value, …]`, as Node's `rawHeaders`. */
export type FlatHeaders = readonly string[];

/** The pairs of a flat list. */
export function pairsOf(flat: FlatHeaders): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] ?? '', flat[i + 1] ?? '']);
  return pairs;
}

/**
 * The headers that go on to the other side, in their order and spelling. Transfer-Encoding stays
 * (chunks are framed anew, but a chunked body goes on chunked); what `Connection` names goes.
 */
export function endToEnd(flat: FlatHeaders): [name: string, value: string][] {
  const pairs = pairsOf(flat);
  const named = pairs
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((part) => part.trim().toLowerCase()));
  const dropped = new Set([...HOP_BY_HOP, ...named.filter((name) => name !== 'transfer-encoding')]);
  return pairs.filter(([name]) => !dropped.has(name.toLowerCase()));
}

/** The first value of a header; names compare without case. */
export function headerOf(flat: FlatHeaders, name: string): string | undefined {
  return pairsOf(flat).find(([known]) => known.toLowerCase() === name)?.[1];
}
