/** What the targets by ids share: they count what is spent, tokenize and close in the same way. */
import type { TokenEvent } from '../seam/generation.ts';
import type { HttpClient } from '../wire/http.ts';
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
import { Spent } from './spent.ts';

/** What every target by ids is made of. */
export interface IdTargetParts<Tokenizer> {
  readonly http: HttpClient;
  readonly identity: TargetIdentity;
  readonly chatTemplate: string | undefined;
  readonly tokenizer: Tokenizer;
}

export abstract class IdTarget<
  Tokenizer extends Pick<Target, 'encode' | 'encodePlain'>,
> implements Target {
  readonly identity: TargetIdentity;
  readonly chatTemplate: string | undefined;
  protected readonly http: HttpClient;
  protected readonly tokenizer: Tokenizer;
  protected readonly spent: Spent;

  constructor({ http, identity, chatTemplate, tokenizer }: IdTargetParts<Tokenizer>) {
    this.identity = identity;
    this.chatTemplate = chatTemplate;
    this.http = http;
    this.tokenizer = tokenizer;
    this.spent = new Spent(http);
  }

  get spending(): Spending {
    return this.spent.soFar;
  }

  abstract chat(
    request: ChatRequest,
    sampling: SamplingOptions,
    read: ReadOptions,
  ): Promise<Answer>;

  abstract complete(
    prompt: readonly number[],
    sampling: SamplingOptions,
    signal: AbortSignal,
  ): Promise<Completion>;

  abstract render(request: ChatRequest, signal: AbortSignal): Promise<Rendered>;

  async encode(text: string, signal: AbortSignal): Promise<readonly number[]> {
    return await this.tokenizer.encode(text, signal);
  }

  async encodePlain(text: string, signal: AbortSignal): Promise<readonly TokenEvent[]> {
    return await this.tokenizer.encodePlain(text, signal);
  }

  async close(): Promise<void> {
    await this.http.close();
  }
}
