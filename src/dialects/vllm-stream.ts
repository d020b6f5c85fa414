/** Reads the chat answers of vLLM: every token is told with its id, hidden ones included. */
import type { Delta } from '../seam/generation.ts';
import type { StreamEnd } from '../wire/end.ts';
import type { Read } from './answer.ts';
import { otherPrompt } from './chat-prompts.ts';
import type { PlacedToken, Progress, ReadOptions, Usage } from './dialect.ts';
import { garbledBy } from './hearing.ts';
import { asArray, asNumber, asObject, parseEvent, type JsonObject } from './json.ts';
import { deltaOf, placedToken, readChatChunk, readWhole } from './openai.ts';
import { endedByToken } from './served-tokenizer.ts';
import { NO_USAGE, readUsage } from './usage.ts';
import { promptOf } from './vllm-oracle.ts';
import { readChatTokens } from './vllm-tokens.ts';

/** What has been read of one chat stream; also its progress, for those who want to stop it. */
export class VllmReading implements Progress {
  readonly tokens: PlacedToken[] = [];
  readonly deltas: Delta[] = [];
  generated = 0;
  finish: string | undefined;
  usage: Usage = NO_USAGE;
  garbled: StreamEnd | undefined;
  readonly #prompt: readonly number[];
  #stoppedBy: unknown;

  /** @param prompt the ids that the chat must have had */
  constructor(prompt: readonly number[]) {
    this.#prompt = prompt;
  }

  /** The last token ended the generation. */
  get ended(): boolean {
    return endedByToken(this.finish, this.#stoppedBy);
  }

  /** Reads one event; true when nothing more need be read. */
  hear(data: string, stopWhen: ReadOptions['stopWhen']): boolean {
    const chunk = parseEvent(data);
    if (chunk === undefined) {
      this.garbled = garbledBy(data);
      return true;
    }
    requireSamePrompt(this.#prompt, chunk);
    this.usage = readUsage(chunk, this.usage);
    const message = readChatChunk(chunk);
    if (message === undefined) {
      this.generated = asNumber(asObject(chunk['usage'])?.['completion_tokens']) ?? this.generated;
      return false;
    }
    const choice = asObject(asArray(chunk['choices'])[0]) ?? {};
    this.finish = message.finish ?? this.finish;
    this.#stoppedBy = choice['stop_reason'] ?? this.#stoppedBy;
    for (const token of readChatTokens(choice))
      this.tokens.push(placedToken(token, ++this.generated));
    const delta = deltaOf(message, this.generated);
    if (delta !== undefined) this.deltas.push(delta);
    return stopWhen?.(this) === true;
  }
}

/** What a whole chat answer tells. */
interface WholeChat extends Read {
  readonly tokens: PlacedToken[];
  /** The last token ended the generation. */
  readonly ended: boolean;
}

/** Reads a chat answer in one piece. */
export function readWholeChat(answer: JsonObject, prompt: readonly number[]): WholeChat {
  requireSamePrompt(prompt, answer);
  const choice = asObject(asArray(answer['choices'])[0]) ?? {};
  const message = readWhole(answer);
  const tokens = readChatTokens(choice).map((token, i) => placedToken(token, i + 1));
  const stated = asNumber(asObject(answer['usage'])?.['completion_tokens']);
  const generated = stated ?? tokens.length;
  const delta = message === undefined ? undefined : deltaOf(message, generated);
  return {
    deltas: delta === undefined ? [] : [delta],
    tokens,
    generated,
    finish: message?.finish,
    usage: readUsage(answer, { promptTokens: prompt.length, cachedTokens: undefined }),
    ended: endedByToken(message?.finish, choice['stop_reason']),
  };
}

/** Only the first chunk tells the prompt. */
function requireSamePrompt(rendered: readonly number[], said: JsonObject): void {
  const seen = promptOf(said);
  if (seen === undefined || seen.join() === rendered.join()) return;
  throw otherPrompt('/tokenize gave');
}
