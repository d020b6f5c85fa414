/** What a target lets the harness see, and what a verdict is worth there. */
import type { Capabilities, Strength, Target } from './dialect.ts';

const BEST: Capabilities = { ids: 'server', oracle: 'prompt-ids' };

/** What a target lets us see; the server's own ids and prompts unless its identity says otherwise. */
export function capabilitiesOf({ identity }: Pick<Target, 'identity'>): Capabilities {
  return identity.strength ?? BEST;
}

/** True when seams of this target are judged by their text, since it tells no token ids. */
export function isTextLevel(target: Pick<Target, 'identity'>): boolean {
  return capabilitiesOf(target).ids !== 'server';
}

const IDS: Readonly<Record<Capabilities['ids'], string>> = {
  server: '',
  local:
    'The server tells no token ids: texts are compared, cut at the tokens of a local tokenizer, which need not be those that the model wrote.',
  none: 'The server tells no token ids: texts are compared, cut where the stream was, and the same text in other tokens is not noticed.',
};

const ORACLES: Readonly<Record<Capabilities['oracle'], string>> = {
  'prompt-ids': '',
  'prompt-text':
    'Of a resumed prompt the text is known, and how many tokens it has: the same text in as many other tokens is not noticed.',
  'prompt-count':
    'Of a resumed prompt only the number of tokens is known: a wrong one of the right length is not noticed.',
  none: 'Nothing is known of a resumed prompt: exact means only that the text goes on as before.',
};

const NO_CONTROL =
  'There is no token control either, so that a text that differs can be the engine’s own doing.';

/** The strength of verdicts under these capabilities, in words; undefined where it is full. */
export function strengthOf(capabilities: Capabilities): Strength | undefined {
  if (capabilities.ids === 'server') return undefined;
  const says = [IDS[capabilities.ids], ORACLES[capabilities.oracle], NO_CONTROL];
  return { ...capabilities, says: says.filter((part) => part !== '').join(' ') };
}
