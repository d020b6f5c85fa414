/**
 * What a self-test runs: a few short conversations that together hold every kind of text that
 * pauses badly, and for faults that show in special places only, where those are.
 */
import type { FaultName } from '../reference/fault-catalogue.ts';
import type { Message, Scenario, ToolDefinition } from '../scenario/schema.ts';

/** How one fault is looked for. */
export interface TrialPlan {
  readonly scenarios: readonly Scenario[];
  /** False to leave out conversations with tools, whose streams tell no ids. */
  readonly tools: boolean;
  readonly strategies: readonly string[];
  readonly cuts: 'all' | number;
  /** Cases of synthetic text and of several pauses; 0 for none. */
  readonly cases: number;
  /** Tokens compared after a cut. */
  readonly compare: number;
  /** Silence after which a stream counts as stalled, in milliseconds. */
  readonly stallMs: number;
}

const CUTS = 8;
const CASES = 60;
/** Long enough to see a derailed model leave its script. */
const COMPARE = 16;
/** Short enough that not every resume meets a near tie. */
const NOISY_COMPARE = 8;
const PATIENT_MS = 20_000;
/** Under noise the first few are enough: what they have to show is that a fault is still seen. */
const NOISY_STRATEGIES = 2;
const STRATEGIES = ['reasoning-field', 'reasoning-field+flags', 'inline-think'];

const WEATHER: ToolDefinition = {
  name: 'get_weather',
  description: 'Get the current weather of a city.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' }, unit: { type: 'string' } },
  },
};

function scenario(
  id: string,
  messages: readonly Message[],
  more: Partial<Scenario> = {},
): Scenario {
  return { id, title: '', messages, tools: [], maxTokens: 256, tags: [], ...more };
}

const ask = (content: string): Message => ({ role: 'user', content });

/** Thoughts with indented lines, content with runs of spaces and line breaks. */
const SUM = scenario('sum', [ask('Add 47 and 25.')]);
/** Characters of several tokens, and marks that normalization would compose. */
const EMOJI = scenario('emoji', [ask('Repeat and reverse: 🇯🇵👍🏾')]);
/** Hardly a word that could nearly tie, so that it is often resumed to its end under noise, too. */
const SHORT = scenario('short', [ask('Repeat and reverse: 🇯🇵')], { thinking: false });
const TOOL = scenario('tool', [ask('Use the tool: weather in Oslo, celsius?')], {
  tools: [WEATHER],
});
/** No thoughts, so that the content comes first. */
const PLAIN = scenario('plain', [ask('Write a Go function swap over xs.')], { thinking: false });
/** Four blank lines and lines that end in spaces. */
const POEM = scenario('poem', [ask('Write a poem about Lena in Oslo with a peach.')]);
/** The answer's own words, and those of its thoughts, occur earlier in the conversation. */
const REPEATED = scenario('repeated', [
  ask('Say: I need to add 12 and 7, digit by digit.'),
  { role: 'assistant', content: 'The sum of 12 and 7 is **19**.' },
  ask('Add 12 and 7.'),
]);

/** An answer that must fit a schema. */
const JSON_ANSWER = scenario('json', [ask('Give JSON for Ana, 30, Lima.')], {
  responseFormat: {
    name: 'person',
    schema: {
      type: 'object',
      properties: { name: { type: 'string' }, age: { type: 'integer' } },
      required: ['name', 'age', 'city', 'tags'],
    },
  },
});

const DEFAULT: TrialPlan = {
  scenarios: [SUM, EMOJI, TOOL, PLAIN],
  tools: true,
  strategies: STRATEGIES,
  cuts: CUTS,
  cases: 0,
  compare: COMPARE,
  stallMs: PATIENT_MS,
};

const FUZZED: Partial<TrialPlan> = { scenarios: [SUM, PLAIN], cuts: 4, cases: 3 * CASES };
/** Without ids, a stream with tools tells too little to name a cause beside its tool call. */
const WITHOUT_TOOLS: Partial<TrialPlan> = { scenarios: [SUM, EMOJI, PLAIN], tools: false };

const SPECIAL: Readonly<Partial<Record<FaultName, Partial<TrialPlan>>>> = {
  'client-breaks-character': { scenarios: [EMOJI], cuts: 'all' },
  'character-replaced': { scenarios: [EMOJI], cuts: 'all' },
  'matched-earlier': { scenarios: [REPEATED], cuts: 'all' },
  'leading-space-stripped': FUZZED,
  'tag-literal-parsed': FUZZED,
  'special-encoded': FUZZED,
  'header-merged': { ...FUZZED, scenarios: [PLAIN], cases: 4 * CASES },
  'finish-dishonest': {
    scenarios: [EMOJI, PLAIN, SHORT],
    strategies: [...STRATEGIES, 'inline-think+flags'],
  },
  retokenize: { scenarios: [SUM, TOOL], cuts: 'all', strategies: ['reasoning-field'] },
  'newlines-merged': { scenarios: [SUM, PLAIN, POEM], cuts: 'all' },
  'spaces-merged': { scenarios: [SUM, PLAIN, POEM] },
  'punctuation-merged': { scenarios: [SUM, PLAIN, POEM] },
  'words-merged': { scenarios: [SUM, PLAIN, POEM] },
  'deltas-lost': WITHOUT_TOOLS,
  'stale-cache': WITHOUT_TOOLS,
  'json-restarted': { scenarios: [JSON_ANSWER] },
  'tool-call-rewritten': { scenarios: [TOOL], cuts: 'all' },
  'tool-call-refused': { scenarios: [TOOL], cuts: 'all' },
  'tool-call-restarted': { scenarios: [TOOL], cuts: 'all' },
  'tool-call-lost': { scenarios: [TOOL], cuts: 'all' },
  'partial-char-dropped': { scenarios: [EMOJI], cuts: 'all' },
  'partial-char-broken': { scenarios: [EMOJI], cuts: 'all' },
  'stream-stalls': { scenarios: [SUM], cuts: 3, strategies: ['reasoning-field'], stallMs: 250 },
  'slot-busy': { cases: 20, cuts: 4 },
};

/**
 * How to look for these faults, planted together; none: how a correct server is tested. Under
 * noise there are no tools, since a flip that no id tells cannot be placed.
 */
export function planFor(faults: readonly FaultName[], noise: boolean): TrialPlan {
  const plan = together(faults);
  if (plan.tools && !noise) return plan;
  const strategies = noise ? plan.strategies.slice(0, NOISY_STRATEGIES) : plan.strategies;
  const scenarios = plan.scenarios.filter(({ tools }) => tools.length === 0);
  return { ...plan, scenarios, strategies, compare: noise ? NOISY_COMPARE : plan.compare };
}

function together(faults: readonly FaultName[]): TrialPlan {
  const [first, ...more] = faults.map((fault) => ({ ...DEFAULT, ...SPECIAL[fault] }));
  if (first === undefined) return { ...DEFAULT, cases: CASES };
  return more.reduce(
    (all, plan) => ({
      scenarios: [...new Set([...all.scenarios, ...plan.scenarios])],
      tools: all.tools && plan.tools,
      strategies: [...new Set([...all.strategies, ...plan.strategies])],
      cuts: all.cuts === 'all' || plan.cuts === 'all' ? 'all' : Math.max(all.cuts, plan.cuts),
      cases: Math.max(all.cases, plan.cases),
      compare: Math.max(all.compare, plan.compare),
      stallMs: Math.min(all.stallMs, plan.stallMs),
    }),
    first,
  );
}
