/**
 * A chat by another API of the same server. Its stream tells texts and counts, no ids. A server may
 * render the route's requests at `…/render`, as vLLM does with `--enable-scale-out`; most do not.
 */
import type { Delta } from '../seam/generation.ts';
import type { StreamEnd } from '../wire/end.ts';
import type { HttpClient } from '../wire/http.ts';
import { Refusal } from '../wire/refusal.ts';
import { isMissing } from './acquaint.ts';
import { streamedAnswer } from './answer.ts';
import type {
  Answer,
  ChatRequest,
  PlacedToken,
  Progress,
  ReadOptions,
  Route,
  SamplingOptions,
  SentRequest,
} from './dialect.ts';
import { mostEvents } from './endless.ts';
import { Hearing } from './hearing.ts';
import { asArray, asIds, asObject, type JsonObject } from './json.ts';
import { deltaOf } from './openai.ts';
import type { RouteApi } from './route-api.ts';
import { messagesRoute } from './route-messages.ts';
import { responsesRoute } from './route-responses.ts';
import type { HeardText } from './text-level-pieces.ts';

const APIS: Readonly<Record<Route, RouteApi>> = {
  messages: messagesRoute,
  responses: responsesRoute,
};

/** The routes of one server. */
export class Routes {
  readonly #http: HttpClient;
  /** What this server wants in every body. */
  readonly #more: (cache: SamplingOptions['cache']) => JsonObject;
  /** Routes that the server does not render, with its words. */
  readonly #unrendered = new Map<Route, Refusal>();

  constructor(http: HttpClient, more: (cache: SamplingOptions['cache']) => JsonObject) {
    this.#http = http;
    this.#more = more;
  }

  /**
   * Streams an answer by a route. Tokens are counted as events with text, until the server tells
   * how many there were.
   *
   * @throws {Refusal} HTTP 404 where the server does not have the route
   */
  async chat(
    route: Route,
    request: ChatRequest,
    sampling: SamplingOptions,
    read: ReadOptions,
  ): Promise<Answer> {
    const { path, body, reader } = APIS[route];
    const said = new Said();
    const hearing = new Hearing(reader(), (text) => said.add(text));
    const sent = { ...this.#more(sampling.cache), ...body(request, sampling), temperature: 0 };
    const reply = await this.#http.stream(path, sent, {
      signal: read.signal,
      maxEvents: mostEvents(sampling.maxTokens),
      onData: (data, _, name) => hearing.hear(data, name) || read.stopWhen?.(said) === true,
    });
    const { usage, finish } = hearing;
    const { deltas, tokens } = said;
    const generated = usage.generatedTokens ?? said.generated;
    const end = requireOver(hearing.endOf(reply.end));
    return streamedAnswer(reply, { deltas, tokens, generated, finish, usage }, end);
  }

  /**
   * The ids of the prompt that the server makes of a request by a route. Generates nothing.
   *
   * @throws {Refusal} for which `isUnrendered` holds where the server does not render the route
   */
  async render(
    route: Route,
    request: ChatRequest,
    signal: AbortSignal,
  ): Promise<{ readonly ids: readonly number[]; readonly request: SentRequest }> {
    const known = this.#unrendered.get(route);
    if (known !== undefined) throw known;
    const { path, body } = APIS[route];
    const asked = { ...this.#more('cold'), ...body(request, { maxTokens: 1 }), stream: false };
    try {
      const reply = await this.#http.json('POST', `${path}/render`, asked, signal);
      const told = asObject(reply.body) ?? asObject(asArray(reply.body)[0]);
      const ids = asIds(told?.['token_ids']);
      if (ids !== undefined) return { ids, request: reply.request };
      throw new Refusal({ status: 501, body: 'no token_ids were told', request: reply.request });
    } catch (error) {
      if (isUnrendered(error)) this.#unrendered.set(route, error);
      throw error;
    }
  }
}

/** Whether a server renders what is asked of it: what else fails is thrown. */
export async function isRendered(render: () => Promise<unknown>): Promise<boolean> {
  try {
    await render();
    return true;
  } catch (error) {
    if (isUnrendered(error)) return false;
    throw error;
  }
}

/** True for the answer of a server that does not render a route: it is not there, or switched off. */
function isUnrendered(error: unknown): error is Refusal {
  return error instanceof Refusal && (isMissing(error) || error.status === 403);
}

/** What was said in one stream: an event with text counts as a token. */
class Said implements Progress {
  readonly deltas: Delta[] = [];
  readonly tokens: readonly PlacedToken[] = [];
  generated = 0;

  add(text: HeardText): void {
    const delta = deltaOf(text, this.generated + 1);
    if (delta === undefined) return;
    this.generated++;
    this.deltas.push(delta);
  }
}

/** These APIs say with an event that a stream is over. */
function requireOver(end: StreamEnd): StreamEnd {
  return end.kind === 'closed' ? { kind: 'truncated', detail: 'no last event was sent' } : end;
}
