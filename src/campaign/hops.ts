/**
 * The hops of a run: each resume is sent straight to the engine and through the gateway, the tap
 * tells what really arrived, and the engine renders that. What the hop took from a request is then
 * put back: where that changes the prompt, the hop did harm.
 */
import { checkContinuation } from '../checks/continuation.ts';
import { checkPrompt } from '../checks/prompt.ts';
import type { Verdict } from '../checks/verdict.ts';
import type { Target } from '../dialects/dialect.ts';
import { asObject } from '../dialects/json.ts';
import { Memo } from '../dialects/memo.ts';
import {
  bodyRenderer,
  CHAT_PATH,
  MESSAGES_PATH,
  type RenderBody,
  type RenderedBody,
} from '../dialects/rendered-body.ts';
import { hopCausesOf, putRight } from '../diagnosis/hop-causes.ts';
import type { HopRequest } from '../diagnosis/hop-fields.ts';
import { compareHop } from '../diagnosis/hops.ts';
import { SeamstressError } from '../errors.ts';
import type { HopsReport } from '../reports/hops.ts';
import type { Scenario } from '../scenario/schema.ts';
import { TOP_CANDIDATES } from '../seam/candidates.ts';
import { makeSubject, type Subject } from '../seam/subject.ts';
import { jsonOf, type Exchange } from '../tap/exchange.ts';
import { HttpClient } from '../wire/http.ts';
import { describeRefusal, describeTrouble, Refusal } from '../wire/refusal.ts';
import { armRequest, armsFor, HOP_ARMS, hopCuts, type HopArm } from './hop-arms.ts';
import { HopTally, type Judged } from './hop-tally.ts';

/** The gateway under test; its upstream is a tap in front of the target. */
export interface Hop {
  /** For reports: `LiteLLM`. */
  readonly name: string;
  readonly version: string;
  readonly url: string;
  /** Sent to it as a bearer token; never recorded. */
  readonly key?: string;
  /** Takes what the tap has recorded since the last call, once nothing is under way. */
  readonly arrived: () => Promise<readonly Exchange[]>;
}

export interface HopsOptions {
  readonly hop: Hop;
  readonly scenarios: readonly Scenario[];
  /** As engine and gateway want to be asked for it. */
  readonly model: string;
  /** The key of the engine, where it wants one. */
  readonly apiKey?: string;
  /** @defaultValue 3 */
  readonly cutsEach?: number;
  /** Tokens compared after a wrong prompt. @defaultValue 16 */
  readonly compare?: number;
  readonly signal: AbortSignal;
  readonly progress?: (line: string) => void;
}

/**
 * Tests a hop in front of a target. Stopped by its signal it reports the scenarios that it has
 * tested, and how many it did not come to.
 *
 * @throws SeamstressError `target` when the target's dialect cannot render a body
 */
export async function runHops(target: Target, options: HopsOptions): Promise<HopsReport> {
  const { hop, apiKey, signal, progress = () => {} } = options;
  const { identity } = target;
  const engineHttp = clientOf(identity.url, apiKey);
  const hopHttp = clientOf(hop.url, hop.key);
  try {
    const render = bodyRenderer(identity.dialect, engineHttp);
    if (render === undefined)
      throw new SeamstressError(
        'target',
        `the dialect ${identity.dialect} cannot render what a gateway forwarded`,
        { hint: 'Test gateways in front of llama.cpp or vLLM.' },
      );
    const bench = new Bench(target, hop, hopHttp, render, options);
    const { engine } = identity;
    const tally = new HopTally(
      hop,
      [engine.name, engine.version ?? engine.build].filter((part) => part !== undefined).join(' '),
    );
    for (const [i, scenario] of options.scenarios.entries()) {
      if (signal.aborted) {
        tally.stop(options.scenarios.length - i);
        break;
      }
      try {
        const arms = armsFor(scenario);
        if (arms.length < HOP_ARMS.length)
          tally.leaveOut(`${scenario.id} on ${MESSAGES_PATH}: its answer must be JSON of a schema`);
        const subject = await makeSubject(target, scenario, signal);
        const cuts = hopCuts(subject.views, options.cutsEach ?? 3);
        const judged: Judged[] = [];
        for (const k of cuts)
          for (const arm of arms) judged.push(await bench.judge(arm, subject, k, options.model));
        tally.addScenario(cuts.length, judged);
        progress(
          `hops: ${scenario.id}, ${cuts.length} cuts × ${arms.length} ways through ${hop.name}`,
        );
      } catch (error) {
        if (signal.aborted) {
          tally.stop(options.scenarios.length - i);
          break;
        }
        tally.fail(`${scenario.id}: ${describeTrouble(error)}`);
      }
    }
    return tally.report();
  } finally {
    await Promise.all([engineHttp.close(), hopHttp.close()]);
  }
}

function clientOf(url: string, key: string | undefined): HttpClient {
  return new HttpClient({
    url,
    ...(key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } }),
  });
}

/** A prompt with what came of it. */
interface Weighed {
  readonly verdict: Verdict;
  readonly rendered: RenderedBody | undefined;
  readonly error?: string;
}

class Bench {
  readonly #target: Target;
  readonly #hop: Hop;
  readonly #http: HttpClient;
  readonly #render: RenderBody;
  readonly #compare: number;
  readonly #signal: AbortSignal;
  readonly #rendered = new Memo<RenderedBody>(2000);
  readonly #continued = new Memo<readonly { readonly id: number }[]>(2000);

  constructor(
    target: Target,
    hop: Hop,
    http: HttpClient,
    render: RenderBody,
    { compare = 16, signal }: HopsOptions,
  ) {
    this.#target = target;
    this.#hop = hop;
    this.#http = http;
    this.#render = render;
    this.#compare = compare;
    this.#signal = signal;
  }

  /** One resume, on both ways. */
  async judge(arm: HopArm, subject: Subject, k: number, model: string): Promise<Judged> {
    const { scenario } = subject.generation;
    const view = subject.views[k] ?? { reasoning: '', content: '', toolCalls: [] };
    const sent = armRequest(arm, scenario, view, model);
    const direct = await this.#weigh(subject, k, sent);
    const common = {
      arm,
      scenario: scenario.id,
      k,
      view,
      sent,
      direct: direct?.verdict,
      refused: direct?.error,
    };
    const weak = direct?.rendered !== undefined && direct.rendered.ids === undefined;
    const { forwarded, failed } = await this.#send(sent);
    if (forwarded === undefined)
      return { ...common, weak, proxied: failed?.verdict ?? 'error', error: failed?.error };
    const proxied = failed ?? (await this.#weigh(subject, k, forwarded));
    const changes = compareHop(sent, forwarded);
    const causes = hopCausesOf(sent, forwarded, changes);
    const right =
      causes.length === 0 || proxied?.verdict === 'exact'
        ? undefined
        : await this.#weigh(subject, k, {
            path: CHAT_PATH,
            body: putRight(sent, forwarded, causes),
          });
    // A hop that leaves the prompt what the engine makes of the client's own request does no harm;
    // a marker is different: it is the gateway's to read.
    const asDirect =
      sent.path === forwarded.path &&
      !causes.some((cause) => cause.startsWith('marker-')) &&
      direct?.rendered !== undefined &&
      samePrompt(direct.rendered, proxied?.rendered);
    const differs =
      !asDirect && right?.rendered !== undefined && !samePrompt(right.rendered, proxied?.rendered);
    return {
      ...common,
      weak,
      proxied: proxied?.verdict ?? 'error',
      error: proxied?.error ?? (proxied === undefined ? 'the engine lacks the route' : undefined),
      through: {
        forwarded,
        changes,
        causes,
        rendered: proxied?.rendered?.text,
        wanted: wantedText(subject, k),
        harmed: differs,
        putRight: differs && right.verdict === 'exact',
      },
    };
  }

  /** Renders a body and compares; undefined when the engine does not have the route. */
  async #weigh(subject: Subject, k: number, request: HopRequest): Promise<Weighed | undefined> {
    try {
      const rendered = await this.#rendered.get(JSON.stringify(request), () =>
        this.#render(request.path, request.body, this.#signal),
      );
      return { rendered, verdict: await this.#verdict(subject, k, rendered) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.status === 404 || error.status === 405 || error.status === 501) return undefined;
      const verdict = error.status < 500 ? 'rejected' : 'error';
      return { rendered: undefined, verdict, error: describeTrouble(error) };
    }
  }

  async #verdict(subject: Subject, k: number, rendered: RenderedBody): Promise<Verdict> {
    const { generation } = subject;
    const cuts = subject.viewClasses[k] ?? { first: k, last: k };
    const { ids, count } = rendered;
    const base = generation.promptIds.length;
    if (ids === undefined)
      return count >= base + cuts.first && count <= base + cuts.last ? 'exact' : 'drift';
    if (checkPrompt(generation, cuts, ids).agrees) return 'exact';
    const tokens = await this.#continued.get(ids.join(' '), async () => {
      const sampling = { maxTokens: this.#compare, top: TOP_CANDIDATES, cache: 'cold' } as const;
      return (await this.#target.complete(ids, sampling, this.#signal)).tokens;
    });
    const placed = tokens.map((token, i) => ({ ...token, place: i + 1 }));
    for (let j = cuts.first; j <= cuts.last; j++) {
      const rest = generation.tokens.slice(j);
      if (checkContinuation(rest, placed, placed.length, false).flip === undefined) return 'drift';
    }
    return 'diverged';
  }

  /** Sends a request through the hop and tells what arrived behind it. */
  async #send(
    sent: HopRequest,
  ): Promise<{ readonly forwarded?: HopRequest; readonly failed?: Weighed & { error: string } }> {
    await this.#hop.arrived();
    let refusal: Refusal | undefined;
    try {
      await this.#http.json('POST', sent.path, sent.body, this.#signal);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refusal = error;
    }
    // The last one counts: the ones before it were tries of the gateway's own.
    const exchange = (await this.#hop.arrived()).findLast(({ method }) => method === 'POST');
    const body = exchange === undefined ? undefined : asObject(jsonOf(exchange.request.body));
    const forwarded =
      exchange === undefined || body === undefined
        ? undefined
        : { path: exchange.path.replace(/\?.*$/s, ''), body };
    // What the engine itself said counts, not what the gateway makes of it.
    const status = exchange?.response?.status ?? refusal?.status ?? 200;
    const failed =
      refusal !== undefined
        ? `${this.#hop.name} answered ${describeRefusal(refusal)}`
        : forwarded === undefined
          ? `${this.#hop.name} answered, but no request that could be read reached the tap`
          : undefined;
    if (failed === undefined) return forwarded === undefined ? {} : { forwarded };
    const verdict = refusal !== undefined && status >= 400 && status < 500 ? 'rejected' : 'error';
    return {
      ...(forwarded === undefined ? {} : { forwarded }),
      failed: { verdict, error: failed, rendered: undefined },
    };
  }
}

function samePrompt(a: RenderedBody, b: RenderedBody | undefined): boolean {
  // A request that was refused has no prompt at all.
  if (b === undefined) return false;
  return a.ids === undefined || b.ids === undefined
    ? a.count === b.count
    : a.ids.join() === b.ids.join();
}

/** The text of the prompt as it should be, as far as it is whole characters. */
function wantedText({ generation }: Subject, k: number): string {
  const bytes = Buffer.concat(generation.tokens.slice(0, k).map((token) => token.bytes));
  const kept = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true });
  return (generation.promptText ?? '') + kept;
}
