/**
 * Probe: in a second or two, what a client needs to know of a server before it resumes. One short
 * generation, then prompt checks; the recipe is searched over that generation alone.
 */
import type { Verdict } from '../checks/verdict.ts';
import { CAUSES } from '../diagnosis/causes.ts';
import type { Target, TargetIdentity } from '../dialects/dialect.ts';
import type { Scenario } from '../scenario/schema.ts';
import { strategiesNamed } from '../seam/named.ts';
import { EMPTY_VIEW, type View } from '../seam/generation.ts';
import { makeSubject, type Subject } from '../seam/subject.ts';
import { askCapabilities, type Capability, type Situation } from './capability.ts';
import { Controls } from './controls.ts';
import { Judge } from './judge.ts';
import { causeOf } from './ledger.ts';
import { searchRecipe } from './recipe.ts';
import type { RunRecord } from '../reports/record.ts';

/** One question to a server, and its answer. */
export interface ProbeAnswer {
  /** What is sent back, and where the generation was cut. */
  readonly question: string;
  /** `undefined`: the model's answer had no such cut. */
  readonly verdict: Verdict | undefined;
  /** What is wrong with it, in one sentence. */
  readonly why: string | undefined;
}

/** What a client can store and act on. */
export interface ProbeResult {
  readonly target: TargetIdentity;
  /** Which layer the recipe comes from: given by the user, or found by this probe. */
  readonly layer: 'user' | 'probed' | 'none';
  /** A strategy and its edits, e.g. `reasoning-field/start-over`; undefined where nothing works. */
  readonly recipe: string | undefined;
  /** Share of the probe's cuts at which the recipe is exact. */
  readonly exact: { readonly cuts: number; readonly of: number };
  readonly answers: readonly ProbeAnswer[];
  /** Whether a trailing assistant message is continued, situation by situation. */
  readonly prefill: readonly Capability[];
  /** True when a resumed stream sends the prefill again; undefined when no resume was accepted. */
  readonly echo: boolean | undefined;
  readonly ids: { readonly stream: 'all' | 'some' | 'none'; readonly completion: boolean };
  readonly tokenIdsExact: boolean;
}

/** Tokens compared after a cut. */
const COMPARE = 16;

/** Prompt checks at once. */
const CONCURRENCY = 8;

const STRATEGIES = ['reasoning-field', 'reasoning-field+flags', 'inline-think', 'content-only'];

/**
 * Probes a target with one scenario.
 *
 * @param recipe set by the user: it is only verified
 * @param assumed situations that the user answers
 * @throws {SeamstressError} `target` when the scenario cannot be generated
 */
export async function probeTarget(
  target: Target,
  scenario: Scenario,
  recipe: string | undefined,
  signal: AbortSignal,
  assumed: Readonly<Partial<Record<Situation, boolean>>> = {},
): Promise<ProbeResult> {
  const controls = new Controls(target, COMPARE, signal);
  const subject = await makeSubject(target, scenario, signal);
  controls.addRepeat(subject);
  const middle = Math.floor(subject.generation.length / 2);
  const control = await controls.token(subject, middle, COMPARE);
  const judge = new Judge(target, controls, { compare: COMPARE, signal });
  const asked: Asked[] = [];
  for (const name of STRATEGIES)
    for (const [place, k] of places(subject)) asked.push(await ask(judge, subject, name, place, k));
  const echoes = asked.flatMap(({ echo }) => echo ?? []);
  const found =
    recipe === undefined
      ? await searchRecipe([subject], strategiesNamed([]), judge, CONCURRENCY, 1)
      : await searchRecipe([subject], strategiesNamed([recipe]), judge, CONCURRENCY, 1, []);
  const best = found.everywhere;
  return {
    target: target.identity,
    recipe: recipe ?? best[0]?.recipe,
    layer: recipe !== undefined ? 'user' : best.length === 0 ? 'none' : 'probed',
    exact: sumOf(best),
    answers: asked.map(({ question, verdict, why }) => ({ question, verdict, why })),
    prefill: await askCapabilities(target, assumed, signal),
    echo: echoes.length === 0 ? undefined : echoes.includes(true),
    ids: idsOfStream(subject),
    tokenIdsExact: control.flip === undefined,
  };
}

function sumOf(scores: RunRecord['recipe']['everywhere']): { cuts: number; of: number } {
  return {
    cuts: scores.reduce((sum, { exact }) => sum + exact, 0),
    of: scores.reduce((sum, { tried }) => sum + tried, 0),
  };
}

/** A cut of each kind that clients meet. */
function places({ generation, views }: Subject): [string, number | undefined][] {
  const last = (test: (view: View) => boolean): number | undefined => {
    const k = views.findLastIndex(test);
    return k < 0 ? undefined : k;
  };
  const inContent = views.findIndex((view) => view.content.length > 1);
  return [
    ['nothing read yet', 0],
    [
      'inside the reasoning',
      last((view) => view.reasoning !== '' && view.reasoning.length < 20 && view.content === ''),
    ],
    [
      'reasoning only, finished',
      last((view) => view.reasoning !== '' && view.content === '' && view.toolCalls.length === 0),
    ],
    ['inside the content', inContent < 0 ? undefined : inContent],
    ['finished', generation.length],
  ];
}

interface Asked extends ProbeAnswer {
  readonly echo: boolean | undefined;
}

async function ask(
  judge: Judge,
  subject: Subject,
  name: string,
  place: string,
  k: number | undefined,
): Promise<Asked> {
  const question = `${name}, ${place}`;
  const [strategy] = strategiesNamed([name]);
  if (k === undefined || strategy === undefined || strategy.loses(subject.views[k] ?? EMPTY_VIEW))
    return { question, verdict: undefined, why: undefined, echo: undefined };
  const resume = place.startsWith('inside') ? 8 : 'none';
  const seam = await judge.judge({ subject, strategy, k, way: 'disconnect', resume });
  const named = causeOf(seam);
  const why =
    seam.refusal?.message ?? (named === undefined ? seam.error : CAUSES[named.cause].title);
  const echo = seam.shape === undefined ? undefined : seam.shape.problem === 'echo';
  return { question, verdict: seam.verdict, why, echo };
}

function idsOfStream(subject: Subject): ProbeResult['ids'] {
  const { told } = subject;
  return {
    stream: told === 0 ? 'none' : told < subject.generation.tokens.length ? 'some' : 'all',
    completion: true,
  };
}
