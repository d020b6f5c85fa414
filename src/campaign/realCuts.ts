/**
 * Confirms derived views: a few cuts are really made, in every way, and what the client then
 * holds is compared with what was derived from the uninterrupted stream. Where it differs, the
 * seam is judged with what the client really held.
 */
import type { SeamPlan } from '../checks/seam.ts';
import type { Target } from '../dialects/dialect.ts';
import { canCut, cutEndedAsMeant, cutForReal, WAYS, type Way } from '../seam/cut.ts';
import type { View } from '../seam/generation.ts';
import { applies, type Strategy } from '../seam/strategy.ts';
import type { Subject } from '../seam/subject.ts';
import { sameView } from '../seam/view.ts';
import { visible } from '../tokens/text.ts';
import { describeEnd } from '../wire/end.ts';
import { describeTrouble } from '../wire/refusal.ts';
import { inOrder, sideBySide } from './limit.ts';
import { chance } from './random.ts';
import type { CampaignOptions } from './run.ts';
import type { Subjects } from './shelf.ts';

export interface RealCutTotals {
  tried: number;
  asDerived: number;
  /** Cuts that failed or ended otherwise than meant, one line each. */
  readonly trouble: string[];
  /** Seams whose view is not the derived one. */
  readonly seams: SeamPlan[];
}

type RealCutOptions = Pick<CampaignOptions, 'compare' | 'concurrency' | 'seed' | 'lossy'>;

/** Really makes one cut of each way in each scenario; where prompts alone are compared one cut in each, of the ways in turn. */
export async function confirmViews(
  target: Target,
  subjects: Subjects,
  strategies: readonly Strategy[],
  options: RealCutOptions,
  signal: AbortSignal,
): Promise<RealCutTotals> {
  const { compare, lossy } = options;
  const totals: RealCutTotals = { tried: 0, asDerived: 0, trouble: [], seams: [] };
  for await (const { subject, way, k, cut } of made(target, subjects, options, signal)) {
    totals.tried++;
    const derived = subject.views[k];
    if (typeof cut === 'string') {
      totals.trouble.push(`${nameOf(subject)}, ${way} after ${k} tokens: ${cut}`);
      continue;
    }
    if (derived === undefined || sameView(cut, derived)) {
      if (derived !== undefined) totals.asDerived++;
      continue;
    }
    const more = beyond(cut, subject.views.at(-1) ?? cut);
    if (more !== undefined) {
      const again = await reallyCut(target, { subject, way, k }, signal);
      const why =
        typeof again !== 'string' && sameView(again, cut)
          ? `twice the client was given what the whole answer does not have: ${describeBeyond(more)}`
          : 'the run that was cut is another one than before';
      totals.trouble.push(`${nameOf(subject)}, ${way} after ${k} tokens: ${why}`);
      continue;
    }
    for (const strategy of strategies)
      if (applies(strategy, subject.generation, cut) && (lossy || !strategy.loses(cut)))
        totals.seams.push({ subject, strategy, k, way, view: cut, resume: compare || 'never' });
  }
  return totals;
}

/** A cut to be made. */
interface Chosen {
  readonly subject: Subject;
  readonly way: Way;
  readonly k: number;
}

/**
 * What a closed connection leaves, and what a parser of tool calls makes of a stream, depend on how
 * the stream was divided, and that on what else the server does: such a cut is made alone.
 */
function isAlone({ subject, way }: Chosen): boolean {
  return way === 'disconnect' || subject.generation.scenario.tools.length > 0;
}

/** The cuts made: those that must be alone one after the other, the rest side by side where the server can do that. */
async function* made(
  target: Target,
  subjects: Subjects,
  options: RealCutOptions,
  signal: AbortSignal,
): AsyncGenerator<Chosen & { readonly cut: View | string }> {
  for (const alone of [true, false]) {
    const most = alone ? 1 : sideBySide(target, options.concurrency);
    yield* inOrder(chosen(subjects, alone, options), most, async (one) => ({
      ...one,
      cut: await reallyCut(target, one, signal),
    }));
  }
}

/** The cuts of each scenario: one of every way, or where prompts alone are compared one of a way in turn. */
function* chosen(
  subjects: Subjects,
  alone: boolean,
  { seed, compare }: RealCutOptions,
): Generator<Chosen> {
  const start = chance(seed, 'real');
  let turn = 0;
  for (const subject of subjects) {
    // What was begun by the client is no stream that could be cut.
    if (subject.generation.given !== undefined) continue;
    const place = spread(start, turn);
    const ways = WAYS.map((_, i) => WAYS[(turn + i) % WAYS.length] as Way);
    const cuts = ways.flatMap((way, i) => {
      const k = chooseCut(subject, way, (place + i / WAYS.length) % 1);
      return k === undefined ? [] : [{ subject, way, k }];
    });
    turn++;
    const wanted = compare === 0 ? cuts.slice(0, 1) : cuts;
    yield* wanted.filter((one) => isAlone(one) === alone);
  }
}

/** What a client then holds, or in words why that is not known. */
async function reallyCut(
  target: Target,
  { subject: { generation }, k, way }: Chosen,
  signal: AbortSignal,
): Promise<View | string> {
  try {
    const cut = await cutForReal(target, generation, k, way, signal);
    return cutEndedAsMeant(cut, k, way) ? cut.view : `the stream ${describeEnd(cut.end)}`;
  } catch (error) {
    if (signal.aborted) throw error;
    return describeTrouble(error);
  }
}

function nameOf({ generation }: Subject): string {
  return generation.scenario.id;
}

/** True when a view can be the beginning of the whole message. */
export function isPrefix(view: View, whole: View): boolean {
  return beyond(view, whole) === undefined;
}

/** A text of a view, and that of the whole message; undefined where there is no such call. */
type Texts = readonly [field: string, own: string, other: string | undefined];

/** The first text of a view that is not a beginning of the one of the whole message. */
function beyond(view: View, whole: View): Texts | undefined {
  const texts: Texts[] = [
    ['reasoning', view.reasoning, whole.reasoning],
    ['content', view.content, whole.content],
    ...view.toolCalls.map(
      (call, i) => ['arguments', call.arguments, whole.toolCalls[i]?.arguments] as const,
    ),
  ];
  return texts.find(([, own, other]) => other?.startsWith(own) !== true);
}

function describeBeyond([field, own, other]: Texts): string {
  return `${field} ${ending(own)}, where it has ${other === undefined ? 'no call' : ending(other)}`;
}

/** The end of a text, to be read. */
function ending(text: string): string {
  return `“${text.length > SHOWN ? '…' : ''}${visible(text.slice(-SHOWN))}”`;
}

const SHOWN = 40;

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Where in a generation the cut of one turn is made, 0 to 1. Places of successive turns lie evenly
 * (Weyl's sequence of the golden ratio), so that few cuts meet early, middle and late places alike.
 */
function spread(start: number, turn: number): number {
  return (start + turn * GOLDEN) % 1;
}

/** The cut at a place of a generation, 0 to below 1, or the next behind it that can be made in this way. */
function chooseCut({ generation }: Subject, way: Way, place: number): number | undefined {
  const start = Math.floor(place * (generation.length + 1));
  for (let i = 0; i <= generation.length; i++) {
    const k = (start + i) % (generation.length + 1);
    if (canCut(generation, k, way)) return k;
  }
  return undefined;
}
