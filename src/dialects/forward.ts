/** A target in front of another one: every question is passed on as it is. To be overridden in part. */
import type { TokenEvent } from '../seam/generation.ts';
import type {
  Answer,
  ChatRequest,
  Completion,
  ReadOptions,
  Rendered,
  SamplingOptions,
  Spending,
  Target,
  TargetIdentity,
} from './dialect.ts';

export class ForwardingTarget implements Target {
  protected readonly target: Target;

  constructor(target: Target) {
    this.target = target;
  }

  get identity(): TargetIdentity {
    return this.target.identity;
  }

  get chatTemplate(): string | undefined {
    return this.target.chatTemplate;
  }

  get sharedCache(): boolean | undefined {
    return this.target.sharedCache;
  }

  get spending(): Spending {
    return this.target.spending;
  }

  tokensAtMost(request: ChatRequest, sampling: SamplingOptions): number {
    return this.target.tokensAtMost?.(request, sampling) ?? sampling.maxTokens;
  }

  async chat(request: ChatRequest, sampling: SamplingOptions, read: ReadOptions): Promise<Answer> {
    return await this.target.chat(request, sampling, read);
  }

  async complete(
    prompt: readonly number[],
    sampling: SamplingOptions,
    signal: AbortSignal,
  ): Promise<Completion> {
    return await this.target.complete(prompt, sampling, signal);
  }

  async render(request: ChatRequest, signal: AbortSignal): Promise<Rendered> {
    return await this.target.render(request, signal);
  }

  async encode(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return await this.target.encode(text, signal);
  }

  async encodePlain(text: string, signal: AbortSignal): Promise<readonly TokenEvent[]> {
    return await this.target.encodePlain(text, signal);
  }

  async close(): Promise<void> {
    await this.target.close();
  }
}
