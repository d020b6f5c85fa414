/**
 * Ways to ask beside a streamed chat, and which dialects know them. What a dialect does not know it
 * would send as a chat, so that a strategy that needs it must not be tested there.
 */
import { ROUTES, type ChatRequest, type Route } from './dialect.ts';

/** `whole`: an answer in one piece; `stream-replay`: the rest of a stream that was cut. */
export type OtherWay = Route | 'whole' | 'stream-replay';

const KNOWN: Readonly<Record<string, readonly OtherWay[]>> = {
  'llama.cpp': [...ROUTES, 'whole', 'stream-replay'],
  vllm: [...ROUTES, 'whole'],
};

/** The other ways that a dialect knows. */
export function waysOf(dialect: string): readonly OtherWay[] {
  return KNOWN[dialect] ?? [];
}

/** What a dialect must know to send a request. */
export function needsOf({ route, whole, replayAfter }: ChatRequest): readonly OtherWay[] {
  return [
    ...(route === undefined ? [] : [route]),
    ...(whole === true ? (['whole'] as const) : []),
    ...(replayAfter === undefined ? [] : (['stream-replay'] as const)),
  ];
}
