/**
 * Reads the chat streams of SGLang. Each chunk tells how many tokens stand behind it
 * (`continuous_usage_stats`), and an event of its own all ids when the stream ends (`sglext`). A
 * stream that is cut tells none, and older servers never do.
 */
import type { Delta } from '../seam/generation.ts';
import type { StreamEnd } from '../wire/end.ts';
import type { Read } from './answer.ts';
import { otherPrompt } from './chat-prompts.ts';
import type { PlacedToken, Progress, Usage } from './dialect.ts';
import { garbledBy } from './hearing.ts';
import { asArray, asIds, asNumber, asObject, parseEvent, type JsonObject } from './json.ts';
import { deltaOf, readChatChunk } from './openai.ts';
import { endedByToken, NO_BYTES } from './served-tokenizer.ts';
import { NO_USAGE, readUsage } from './usage.ts';

/** What has been heard of a chat stream; also its progress, for those who want to stop it. */
export class SglangReading implements Progress {
  readonly deltas: Delta[] = [];
  /** All at once, when the stream ends; none before. */
  tokens: PlacedToken[] = [];
  generated = 0;
  finish: string | undefined;
  usage: Usage = NO_USAGE;
  broken: StreamEnd | undefined;
  /** The string or the id that ended the generation. */
  #stoppedBy: unknown;
  #promptIds: readonly number[] | undefined;

  /** The last token ended the generation. */
  get ended(): boolean {
    return endedByToken(this.finish, this.#stoppedBy);
  }

  /** Reads one event; true when nothing more need be read, since it is no JSON object. */
  hear(data: string): boolean {
    const chunk = parseEvent(data);
    if (chunk === undefined) {
      this.broken = garbledBy(data);
      return true;
    }
    const counted = this.#count(chunk);
    const told = asObject(chunk['sglext']);
    this.#promptIds = asIds(told?.['input_ids']) ?? this.#promptIds;
    const ids = asIds(asArray(told?.['output_ids'])[0]);
    if (ids !== undefined) {
      this.tokens = ids.map((id, i) => ({ id, bytes: NO_BYTES, place: i + 1 }));
      this.generated = ids.length;
    }
    const message = readChatChunk(chunk);
    if (message === undefined) return false;
    this.finish = message.finish ?? this.finish;
    this.#stoppedBy = asObject(asArray(chunk['choices'])[0])?.['matched_stop'] ?? this.#stoppedBy;
    const adds = deltaOf(message, this.generated);
    if (adds === undefined) return false;
    // A server that does not count sends a chunk a token, or nearly so; its last count puts it right.
    const delta = counted ? adds : { ...adds, after: ++this.generated };
    this.deltas.push(delta);
    return false;
  }

  /**
   * What was read, once the stream has ended.
   *
   * @param prompt what the chat must have had
   * @throws {SeamstressError} `target` when it had another one
   */
  read(prompt: readonly number[]): Read {
    const same =
      this.#promptIds === undefined
        ? (this.usage.promptTokens ?? prompt.length) === prompt.length
        : this.#promptIds.join() === prompt.join();
    if (!same) throw otherPrompt('the server told');
    const { tokens, generated, finish, usage } = this;
    const deltas = this.deltas.map((delta) => ({
      ...delta,
      after: Math.min(delta.after, generated),
    }));
    return { deltas, tokens, generated, finish, usage };
  }

  /** Takes the counts of a chunk; false when it has none. */
  #count(chunk: JsonObject): boolean {
    const generated = asNumber(asObject(chunk['usage'])?.['completion_tokens']);
    if (generated === undefined) return false;
    this.usage = readUsage(chunk, this.usage);
    this.generated = generated;
    return true;
  }
}
