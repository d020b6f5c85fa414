/**
 * Reads a chat stream of llama.cpp, event by event. `timings.predicted_n` says how many tokens stand
 * behind each chunk; ids come from the log-probabilities, and only of visible tokens.
 */
import type { Delta } from '../seam/generation.ts';
import type { StreamEnd } from '../wire/end.ts';
import type { StreamReply } from '../wire/http.ts';
import { streamedAnswer } from './answer.ts';
import type { Answer, PlacedToken, Progress, ReadOptions, Usage } from './dialect.ts';
import { garbledBy } from './hearing.ts';
import { asNumber, asObject, parseEvent, type JsonObject } from './json.ts';
import { deltaOf, placedToken, readChatChunk } from './openai.ts';
import { NO_USAGE } from './usage.ts';

/** What has been read of one chat stream, also one that comes in two parts. */
export class LlamacppReading implements Progress {
  readonly tokens: PlacedToken[] = [];
  readonly deltas: Delta[] = [];
  generated = 0;
  finish: string | undefined;
  usage: Usage = NO_USAGE;
  #uncounted = 0;
  #garbled: StreamEnd | undefined;

  /** Reads one event; true when nothing more need be read. */
  hear(data: string, stopWhen: ReadOptions['stopWhen']): boolean {
    const chunk = parseEvent(data);
    if (chunk === undefined) {
      this.#garbled = garbledBy(data);
      return true;
    }
    const timings = asObject(chunk['timings']);
    const stated = asObject(chunk['usage']);
    const message = readChatChunk(chunk);
    const count = asNumber(stated?.['completion_tokens']) ?? asNumber(timings?.['predicted_n']);
    const told = message?.logprobs ?? [];
    this.generated = Math.max(this.generated, count ?? this.generated + told.length);
    if (stated !== undefined || timings !== undefined)
      this.usage = readUsage(stated, timings, this.usage);
    if (message === undefined) return false;
    this.finish = message.finish ?? this.finish;
    let place = this.generated - told.length;
    for (const token of told) this.tokens.push(placedToken(token, ++place));
    const counted = count !== undefined || told.length > 0;
    if (counted) this.#settle();
    const delta = deltaOf(message, this.generated);
    if (delta !== undefined) this.deltas.push(delta);
    if (!counted && delta !== undefined) this.#uncounted++;
    return stopWhen?.(this) === true;
  }

  /** What was read, once the stream has ended. */
  answer(reply: StreamReply): Answer {
    this.#settle();
    return streamedAnswer(reply, this, this.#garbled ?? reply.end);
  }

  /**
   * When one token yields several chunks, only the last one says how many tokens there are: the
   * deltas before it wait for it.
   */
  #settle(): void {
    const { deltas } = this;
    for (let i = deltas.length - this.#uncounted; i < deltas.length; i++) {
      const delta = deltas[i];
      if (delta !== undefined) deltas[i] = { ...delta, after: this.generated };
    }
    this.#uncounted = 0;
  }
}

/** The counts of a chunk or of a whole answer. */
export function readUsage(
  stated: JsonObject | undefined,
  timings: JsonObject | undefined,
  before: Usage = NO_USAGE,
): Usage {
  return {
    promptTokens: asNumber(stated?.['prompt_tokens']) ?? before.promptTokens,
    cachedTokens: asNumber(timings?.['cache_n']) ?? before.cachedTokens,
  };
}
