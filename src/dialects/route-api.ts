/** How an API beside the chat API is spoken. */
import type { ChatRequest, SamplingOptions } from './dialect.ts';
import type { EventReader } from './hearing.ts';
import type { JsonObject } from './json.ts';

export interface RouteApi {
  readonly path: string;
  /** Without the model and what is particular to a server. */
  readonly body: (
    request: ChatRequest,
    sampling: Pick<SamplingOptions, 'maxTokens' | 'stop'>,
  ) => JsonObject;
  readonly reader: () => EventReader;
}
