/**
 * A budget of requests and tokens around any target. What a request can cost at most is set aside
 * before it is sent, so that the budget is never overspent; what it did not cost comes back with
 * its answer. A request that does not fit ends the run in good order: those under way are waited
 * for, then `signal` aborts.
 */
import type {
  Answer,
  ChatRequest,
  Completion,
  ReadOptions,
  Rendered,
  SamplingOptions,
  Target,
} from '../dialects/dialect.ts';
import { ForwardingTarget } from '../dialects/forward.ts';
import { SeamstressError } from '../errors.ts';
import type { TokenEvent } from '../seam/generation.ts';
import { Refusal } from '../wire/refusal.ts';

export interface BudgetLimits {
  /** Requests at most, those that were sent to get acquainted with the server among them. */
  readonly maxRequests?: number | undefined;
  /** Tokens of prompts and answers together, at most. */
  readonly maxTokens?: number | undefined;
}

/** Tokens that a chat template may add to a conversation, and to each of its messages. */
const TEMPLATE_TOKENS = 64;
const MESSAGE_TOKENS = 16;

/** Requests that a render may take. */
const RENDER_REQUESTS = 2;

export class Budget {
  readonly #limits: BudgetLimits;
  readonly #stop = new AbortController();
  #requests = 0;
  #tokens = 0;
  #underWay = 0;
  #refused = 0;
  #spent = false;
  #waiting: (() => void)[] = [];

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  /** Aborted once a request did not fit and none is under way any more. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** True once a request did not fit. */
  get spent(): boolean {
    return this.#spent;
  }

  /** What was spent or is set aside. */
  get used(): { readonly requests: number; readonly tokens: number } {
    return { requests: this.#requests, tokens: this.#tokens };
  }

  /** Requests that were not sent, since they did not fit. */
  get refused(): number {
    return this.#refused;
  }

  /** Counts what was spent before there was a budget. */
  count(requests: number, tokens: number): void {
    this.#requests += requests;
    this.#tokens += tokens;
  }

  /**
   * Sends something that costs at most so many requests and tokens.
   *
   * @param cost what it did cost, from its answer; undefined for all that was set aside
   * @throws {SeamstressError} `interrupted` when it does not fit, after those under way have ended
   */
  async spend<T>(
    requests: number,
    tokens: number,
    send: () => Promise<T>,
    cost: (result: T) => number | undefined,
  ): Promise<T> {
    const { maxRequests = Infinity, maxTokens = Infinity } = this.#limits;
    const fits = this.#requests + requests <= maxRequests && this.#tokens + tokens <= maxTokens;
    if (this.#spent || !fits) return await this.#refuse();
    this.#requests += requests;
    this.#tokens += tokens;
    this.#underWay++;
    try {
      const result = await send();
      this.#tokens -= tokens - (cost(result) ?? tokens);
      return result;
    } catch (error) {
      // A refused request generated nothing.
      if (error instanceof Refusal) this.#tokens -= tokens;
      throw error;
    } finally {
      this.#underWay--;
      this.#settle();
    }
  }

  async #refuse(): Promise<never> {
    this.#spent = true;
    this.#refused++;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#settle();
    });
    throw new SeamstressError('interrupted', 'the budget is spent', {
      hint: 'Raise --max-requests or --max-tokens-total, or test fewer cuts with --cuts.',
    });
  }

  #settle(): void {
    if (!this.#spent || this.#underWay > 0) return;
    this.#stop.abort();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** The target with every request on a budget. */
export function withBudget(target: Target, budget: Budget): Target {
  const { requests, promptTokens, generatedTokens } = target.spending;
  budget.count(requests, promptTokens + generatedTokens);
  return new BudgetedTarget(target, budget);
}

class BudgetedTarget extends ForwardingTarget {
  readonly #budget: Budget;

  constructor(target: Target, budget: Budget) {
    super(target);
    this.#budget = budget;
  }

  override async chat(
    request: ChatRequest,
    sampling: SamplingOptions,
    read: ReadOptions,
  ): Promise<Answer> {
    return await this.#budget.spend(
      1,
      promptTokensAtMost(request) + this.tokensAtMost(request, sampling),
      () => super.chat(request, sampling, read),
      costOf,
    );
  }

  override async complete(
    prompt: readonly number[],
    sampling: SamplingOptions,
    signal: AbortSignal,
  ): Promise<Completion> {
    return await this.#budget.spend(
      1,
      prompt.length + sampling.maxTokens,
      () => super.complete(prompt, sampling, signal),
      ({ tokens }) => prompt.length + tokens.length,
    );
  }

  override async render(request: ChatRequest, signal: AbortSignal): Promise<Rendered> {
    return await this.#free(RENDER_REQUESTS, () => super.render(request, signal));
  }

  override async encode(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return await this.#free(1, () => super.encode(text, signal));
  }

  override async encodePlain(text: string, signal: AbortSignal): Promise<readonly TokenEvent[]> {
    return await this.#free(1, () => super.encodePlain(text, signal));
  }

  /** Requests that cost no tokens. */
  async #free<T>(requests: number, send: () => Promise<T>): Promise<T> {
    return await this.#budget.spend(requests, 0, send, () => 0);
  }
}

/** No token is shorter than a byte, so that a prompt has no more of them than bytes, and what the template adds. */
export function promptTokensAtMost({ messages, tools, prefill }: ChatRequest): number {
  const said = [...messages, ...(prefill === undefined ? [] : [prefill])];
  const texts = Buffer.byteLength(JSON.stringify([said, tools]));
  return texts + TEMPLATE_TOKENS + MESSAGE_TOKENS * said.length;
}

/** A stream that we close may go on at the server's: then all that was asked for counts as spent. */
function costOf({ end, usage, generated }: Answer): number | undefined {
  if (end.kind !== 'done' && end.kind !== 'closed') return undefined;
  if (usage.promptTokens === undefined) return undefined;
  return usage.promptTokens + Math.max(usage.generatedTokens ?? 0, generated);
}
