/**
 * Classes of cuts. What a client holds often stands for several cuts: nothing is visible after
 * `<think>` yet, and the last byte of a character is still missing. All cuts with the same view
 * are one class, and a server may go on from any of them: the context is one that the model wrote
 * itself, and what follows completes the client's text. A resume that goes on from an earlier cut
 * of the class has *rewound* some tokens.
 */

import type { TokenEvent } from './generation.ts';

/** Cuts that a client cannot tell apart: `first ≤ k ≤ last`. */
export interface CutClass {
  readonly first: number;
  readonly last: number;
}

/** The class of each cut 0…n, given what a client holds at each, by `same`. */
export function classesOf<T>(held: readonly T[], same: (a: T, b: T) => boolean): CutClass[] {
  const classes: CutClass[] = [];
  for (let first = 0; first < held.length;) {
    let last = first;
    while (last + 1 < held.length && same(held[first] as T, held[last + 1] as T)) last++;
    for (let k = first; k <= last; k++) classes.push({ first, last });
    first = last + 1;
  }
  return classes;
}

/** The class of each cut 0…n by the text of whole characters: a token that completes none leaves it as it is. */
export function rawClassesOf(tokens: readonly TokenEvent[]): CutClass[] {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const sizes = [0];
  let size = 0;
  for (const { bytes } of tokens) {
    size += decoder.decode(bytes, { stream: true }).length;
    sizes.push(size);
  }
  return classesOf(sizes, (a, b) => a === b);
}
