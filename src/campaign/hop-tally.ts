/** Adds up what a hop did, route by route and arm by arm. */
import { VERDICTS, type Verdict } from '../checks/verdict.ts';
import { MESSAGES_PATH } from '../dialects/rendered-body.ts';
import { HOP_CAUSE_NAMES, type HopCause } from '../diagnosis/hop-causes.ts';
import { wordsOf } from '../diagnosis/hop-words.ts';
import type { FieldChange, HopRequest } from '../diagnosis/hop-fields.ts';
import type { HopExample, HopRow, HopsReport, HopVerdict } from '../reports/hops.ts';
import type { View } from '../seam/generation.ts';
import { HOP_ARMS, type HopArm } from './hop-arms.ts';
import { hasOpenCall } from './hop-messages.ts';

/** One resume on both ways. */
export interface Judged {
  readonly arm: HopArm;
  readonly scenario: string;
  readonly k: number;
  readonly view: View;
  readonly sent: HopRequest;
  /** Undefined where the engine does not have the route. */
  readonly direct: Verdict | undefined;
  /** What the engine said to the direct request, where it refused it. */
  readonly refused?: string | undefined;
  /** The direct verdict rests on a count of tokens. */
  readonly weak: boolean;
  readonly proxied: Verdict;
  readonly error?: string | undefined;
  /** What passed; undefined when nothing arrived. */
  readonly through?: {
    readonly forwarded: HopRequest;
    readonly changes: readonly FieldChange[];
    readonly causes: readonly HopCause[];
    readonly rendered: string | undefined;
    readonly wanted: string;
    readonly harmed: boolean;
    readonly putRight: boolean;
  };
}

/** Characters of a value that a row shows, and of a prompt's end in an example. */
const SHOWN = 120;
const END = 48;

export class HopTally {
  readonly #hop: { readonly name: string; readonly version: string };
  readonly #engine: string;
  readonly #judged: Judged[] = [];
  readonly #notTested: string[] = [];
  readonly #errors: string[] = [];
  #scenarios = 0;
  #cuts = 0;
  #unreached = 0;

  constructor(hop: { readonly name: string; readonly version: string }, engine: string) {
    this.#hop = { name: hop.name, version: hop.version };
    this.#engine = engine;
  }

  /** A scenario with all its resumes: every arm has the same ones. */
  addScenario(cuts: number, judged: readonly Judged[]): void {
    this.#scenarios++;
    this.#cuts += cuts;
    this.#judged.push(...judged);
  }

  /** The test ends here, with so many scenarios left. */
  stop(unreached: number): void {
    this.#unreached = unreached;
  }

  leaveOut(what: string): void {
    this.#notTested.push(what);
  }

  fail(what: string): void {
    this.#errors.push(what);
  }

  report(): HopsReport {
    const arms = HOP_ARMS.map((arm) => ({
      arm,
      all: this.#judged.filter((one) => one.arm === arm),
    })).filter(({ all }) => all.length > 0);
    const missing = new Set(
      this.#judged.flatMap(({ direct, arm }) => (direct === undefined ? [arm.route] : [])),
    );
    return {
      hops: [this.#hop],
      engine: this.#engine,
      cuts: this.#cuts,
      scenarios: this.#scenarios,
      rows: arms.flatMap(({ arm, all }) => this.#rows(arm, all)),
      verdicts: arms.map(({ arm, all }) => this.#verdict(arm, all)),
      notTested: [
        ...this.#notTested,
        ...openCallsOf(this.#judged),
        ...refusalsOf(this.#judged),
        ...[...missing].map((route) => `${route} straight to the engine: it does not have it`),
      ],
      errors: [
        ...this.#errors,
        ...new Set(
          this.#judged.flatMap(({ proxied, error }) =>
            proxied === 'error' && error !== undefined ? [error] : [],
          ),
        ),
      ],
      ...(this.#unreached === 0 ? {} : { unreached: this.#unreached }),
    };
  }

  #name(): string {
    return `${this.#hop.name} ${this.#hop.version}`;
  }

  #rows(arm: HopArm, all: readonly Judged[]): HopRow[] {
    const rows = new Map<string, HopRow>();
    for (const judged of all)
      for (const change of judged.through?.changes ?? []) {
        const rendered = renderedOf(change, judged);
        const key = JSON.stringify([change.field, change.change, change.detail, rendered]);
        const before = rows.get(key);
        rows.set(
          key,
          before === undefined
            ? {
                hop: this.#name(),
                route: arm.route,
                arm: arm.arm,
                field: change.field,
                sent: shown(change.sent),
                forwarded: shown(change.forwarded),
                change: change.change,
                detail: change.detail,
                rendered,
                count: 1,
              }
            : { ...before, count: before.count + 1 },
        );
      }
    return [...rows.values()];
  }

  #verdict(arm: HopArm, all: readonly Judged[]): HopVerdict {
    const harmed = all.filter(({ through }) => through?.harmed === true);
    const guilty = new Set(harmed.flatMap(({ through }) => through?.causes ?? []));
    const every = new Set(all.flatMap(({ through }) => through?.causes ?? []));
    const cause = HOP_CAUSE_NAMES.find((name) => guilty.has(name));
    const right = harmed.filter(({ through }) => through?.putRight === true).length;
    return {
      route: arm.route,
      arm: arm.arm,
      direct: countsOf(all.flatMap(({ direct }) => (direct === undefined ? [] : [direct]))),
      proxied: countsOf(all.map(({ proxied }) => proxied)),
      oracle: all.some(({ weak }) => weak) ? 'count' : 'ids',
      harmed: harmed.length,
      putRight: right,
      ...(cause === undefined ? {} : { hop: this.#name(), cause }),
      causes: HOP_CAUSE_NAMES.filter((name) => every.has(name)),
      line: this.#line(all, harmed.length, right),
      ...exampleOf(harmed.find(({ through }) => through?.putRight === true) ?? harmed[0] ?? all[0]),
    };
  }

  #line(all: readonly Judged[], harmed: number, right: number): string {
    const changes = all.flatMap(({ through }) => through?.changes ?? []);
    const endpoint =
      all.find(({ through }) => through !== undefined)?.through?.forwarded.path ?? '';
    const did = [wordsOf(changes, endpoint), ...unasked(all)].filter((part) => part !== '');
    const exact = all.filter(({ proxied }) => proxied === 'exact').length;
    const about = `${this.#name()} ${did.join(', ') || 'forwards every field as it came'}`;
    if (harmed > 0)
      return `${about}. Put right, ${harmed} of ${all.length} requests give another prompt, ${right} of them the exact one.`;
    if (exact === all.length) return `${about}. Every prompt is exact all the same.`;
    const passed = all.every(({ through }) => through?.causes.length === 0);
    return `${about}. The ${all.length - exact} prompts that are not exact are not its doing: the engine ${passed ? 'was sent all that matters' : 'makes the same of the request put right'}.`;
  }
}

/** What no client of the Messages API can send. */
function openCallsOf(all: readonly Judged[]): string[] {
  const cuts = new Set(
    all
      .filter(({ arm, view }) => arm.route === MESSAGES_PATH && hasOpenCall(view))
      .map(({ scenario, k }) => `${scenario} ${k}`),
  ).size;
  if (cuts === 0) return [];
  return [
    `${MESSAGES_PATH}, the text of an unfinished tool call (${cuts} ${cuts === 1 ? 'cut' : 'cuts'}): that API has no such thing; what was whole of the arguments is sent`,
  ];
}

/** Direct requests that were refused, one line for each route and reason. */
function refusalsOf(all: readonly Judged[]): string[] {
  return [
    ...new Set(
      all.flatMap(({ arm, refused }) =>
        refused === undefined ? [] : [`${arm.route} straight to the engine: ${refused}`],
      ),
    ),
  ];
}

/** What a hop left out where every field has passed. */
function unasked(all: readonly Judged[]): string[] {
  const causes = new Set(all.flatMap(({ through }) => through?.causes ?? []));
  return [
    ...(causes.has('marker-untranslated') ? ['forwards the prefix marker untranslated'] : []),
    ...(causes.has('continuation-not-asked') || causes.has('marker-stripped')
      ? ['sends no flag that asks for the continuation']
      : []),
  ];
}

function countsOf(verdicts: readonly Verdict[]): Record<Verdict, number> {
  const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as Record<
    Verdict,
    number
  >;
  for (const verdict of verdicts) counts[verdict]++;
  return counts;
}

function shown(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const text = JSON.stringify(value);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN - 1)}…`;
}

function exampleOf(judged: Judged | undefined): { readonly example?: HopExample } {
  if (judged?.through === undefined) return {};
  const { scenario, k, sent, through } = judged;
  return {
    example: {
      scenario,
      k,
      sent,
      forwarded: through.forwarded,
      wanted: through.wanted.slice(-END),
      rendered: (through.rendered ?? '').slice(-END),
    },
  };
}

/** What of a field stands in the prompt that the engine rendered. */
function renderedOf({ field }: FieldChange, { view, through }: Judged): string {
  const text = through?.rendered;
  if (text === undefined) return '';
  if (/^messages\[-1\]\.content\[thinking\]|reasoning/.test(field))
    return view.reasoning === ''
      ? ''
      : placeOf(text, view.reasoning, view.content === '' && view.toolCalls.length === 0);
  if (field === 'messages[-1].content')
    return view.content === '' ? '' : placeOf(text, view.content, view.toolCalls.length === 0);
  const call =
    /^messages\[-1\]\.(?:tool_calls|content\[tool_use\])\[(\d+)\](?:\.(name|id|arguments|input))?$/.exec(
      field,
    );
  if (call !== null) return callIn(text, view, Number(call[1]), call[2]);
  if (
    !/continue_final_message|add_generation_prompt|^messages\[-1\]\.(?:prefix|partial)$/.test(field)
  )
    return '';
  const end = view.toolCalls.at(-1)?.arguments || view.content || view.reasoning;
  return text.endsWith(end) ? 'turn left open' : 'turn closed';
}

/** Of a call its arguments, or the part of it that a field is; its id is seldom in a prompt. */
function callIn(text: string, { toolCalls }: View, i: number, part = 'arguments'): string {
  const call = toolCalls[i];
  if (call === undefined || part === 'id') return '';
  const held = part === 'name' ? call.name : call.arguments;
  if (held === '') return '';
  return placeOf(
    text,
    held,
    part !== 'name' && i === toolCalls.length - 1 && hasOpenCall({ toolCalls }),
  );
}

function placeOf(text: string, part: string, last: boolean): string {
  if (text.endsWith(part)) return 'at the end';
  if (!text.includes(part)) return 'changed or gone';
  return last ? 'there, not at the end' : 'there';
}
