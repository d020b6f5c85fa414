/** Which handler of a persona a request is for. */
import type { Routes } from './persona.ts';

/** The handler for a method and a path, with what the pattern's `*` stand for; undefined for none. */
export function findRoute(
  routes: Routes,
  method: string,
  path: string,
): { readonly handler: Routes[string]; readonly params: readonly string[] } | undefined {
  const name = `${method} ${path}`;
  const exact = Object.hasOwn(routes, name) ? routes[name] : undefined;
  if (exact !== undefined) return { handler: exact, params: [] };
  for (const [pattern, handler] of Object.entries(routes)) {
    if (!pattern.includes('*')) continue;
    const params = match(pattern.split('/'), name.split('/'));
    if (params !== undefined) return { handler, params };
  }
  return undefined;
}

function match(pattern: readonly string[], path: readonly string[]): string[] | undefined {
  if (pattern.length !== path.length) return undefined;
  const params: string[] = [];
  for (const [i, part] of pattern.entries()) {
    const found = path[i] ?? '';
    if (part === '*' && found !== '') params.push(decode(found));
    else if (part !== found) return undefined;
  }
  return params;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
