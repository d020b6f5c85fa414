/** Text of models and servers with its white space visible, in signs that every font has. */
import { visible } from '../../tokens/text.ts';

/** `visible`, with the sign for a space that browsers' fonts know. */
export function spelled(text: string): string {
  return respaced(visible(text));
}

/** Exchanges `␠` for `␣` in a text that is visible already; a `␣` of the text's own is spelled out. */
export function respaced(shown: string): string {
  return shown.replaceAll('␣', '‹U+2423›').replaceAll('␠', '␣');
}
