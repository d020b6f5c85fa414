/** Text without what XML 1.0 cannot hold and what could mislead a reader of it. */
import { clip, harmless } from '../markdown/markdown-text.ts';

/** Line by line with hidden characters spelled out; plain spaces and line breaks stay. */
export function spelledOut(text: string, most: number): string {
  return clip(
    text
      .slice(0, 4 * most)
      .split('\n')
      .map(harmless)
      .join('\n'),
    most,
  );
}
