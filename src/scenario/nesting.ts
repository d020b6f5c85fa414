/** How deep a YAML text is nested, told before anything recurses over it. */
import { Parser } from 'yaml';

/** Maps and lists inside one another; the composer recurses, and Node aborts when it goes too deep. */
export const MAX_DEPTH = 100;

/** Measured on the flat parser's tree, before anything recurses over it. */
export function nestsTooDeeply(text: string): boolean {
  let level: object[] = [...new Parser().parse(text)];
  for (let depth = 0; level.length > 0; depth++) {
    // Each map or list takes two levels of this tree: itself and its items.
    if (depth > 2 * MAX_DEPTH + 4) return true;
    const next: object[] = [];
    for (const token of level)
      for (const child of Object.values(token))
        for (const part of Array.isArray(child) ? child : [child])
          if (typeof part === 'object' && part !== null) next.push(part);
    level = next;
  }
  return false;
}
