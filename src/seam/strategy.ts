/** Strategies: how a client sends back what it holds. */
import type { ChatRequest, Prefill } from '../dialects/dialect.ts';
import type { OtherWay } from '../dialects/ways.ts';
import { idsOf, type Generation, type View } from './generation.ts';
import { requestOf } from './generate.ts';
import { rawText, type Markup } from './markup.ts';

/** The resume that a strategy makes of a cut. */
export type Resume =
  | { readonly kind: 'chat'; readonly request: ChatRequest }
  /** The prompt's text and the raw text of the kept tokens, one string. */
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'ids'; readonly ids: readonly number[] };

/** What a strategy has to work with. */
export interface Held {
  readonly generation: Generation;
  readonly markup: Markup;
  readonly k: number;
  readonly view: View;
}

export interface Strategy {
  readonly name: string;
  readonly describe: string;
  /** True when the strategy itself throws away something that the client holds, so that it cannot be exact. */
  readonly loses: (view: View) => boolean;
  /** For a strategy that is made for some cuts only: whether this is one. @defaultValue every cut is */
  readonly applies?: (at: Pick<Held, 'generation' | 'view'>) => boolean;
  /** What a dialect must know for it, beside a streamed chat. @defaultValue nothing */
  readonly needs?: readonly OtherWay[];
  readonly resume: (held: Held) => Resume;
}

/** False for a strategy of which there is nothing but the output to be looked at: no prompt is rendered. */
export function hasPrompt({ name, needs = [] }: Pick<Strategy, 'name' | 'needs'>): boolean {
  return !(/^token-ids\b/.test(name) || needs.includes('whole') || needs.includes('stream-replay'));
}

/** True where a strategy is made for what is held. */
export function applies(strategy: Strategy, generation: Generation, view: View): boolean {
  return strategy.applies?.({ generation, view }) ?? true;
}

const nothing = (): boolean => false;

/** A strategy that sends a trailing assistant message. */
function chatStrategy(
  name: string,
  describe: string,
  loses: (view: View) => boolean,
  prefill: (held: Held) => Prefill,
): Strategy[] {
  const resume = (flags: boolean) => (held: Held) => ({
    kind: 'chat' as const,
    request: { ...requestOf(held.generation.scenario), prefill: prefill(held), flags },
  });
  return [
    { name, describe, loses, resume: resume(false) },
    {
      name: `${name}+flags`,
      describe: `${describe}, with the continuation flags`,
      loses,
      resume: resume(true),
    },
  ];
}

/** Every strategy, in the order of reports. */
export const STRATEGIES: readonly Strategy[] = [
  ...chatStrategy(
    'reasoning-field',
    'reasoning and content in their own fields',
    nothing,
    ({ view }) => ({
      content: view.content,
      ...(view.reasoning === '' ? {} : { reasoning: view.reasoning }),
      ...toolCallsOf(view),
    }),
  ),
  ...chatStrategy(
    'inline-think',
    'reasoning inside the content, between its think tags',
    nothing,
    (held) => ({
      content: inlineText(held),
      ...toolCallsOf(held.view),
    }),
  ),
  ...chatStrategy(
    'content-only',
    'content alone, as clients that know no reasoning send it',
    (view) => view.reasoning !== '',
    ({ view }) => ({ content: view.content, ...toolCallsOf(view) }),
  ),
  {
    name: 'raw-text',
    describe: 'the rendered prompt and the raw text, as one text completion',
    loses: nothing,
    resume: ({ generation, k }) => ({
      kind: 'text',
      text: (generation.promptText ?? '') + rawText(generation, k),
    }),
  },
  {
    name: 'token-ids',
    describe: 'the ids of the prompt and of the kept tokens: the control',
    loses: nothing,
    resume: ({ generation, k }) => ({
      kind: 'ids',
      ids: [...generation.promptIds, ...idsOf(generation.tokens, 0, k)],
    }),
  },
];

function toolCallsOf(view: View): Pick<Prefill, 'toolCalls'> {
  return view.toolCalls.length === 0 ? {} : { toolCalls: view.toolCalls };
}

function inlineText({ view, markup }: Held): string {
  if (view.reasoning === '') return view.content;
  const open = markup.opening + view.reasoning;
  return view.content === '' && view.toolCalls.length === 0
    ? open
    : open + markup.closing + view.content;
}
