/** `POST /completion`: text or ids in, raw text and ids out; no template, no parser. */
import type { ServerResponse } from 'node:http';
import { asIds, type JsonObject } from '../dialects/json.ts';
import { Account, logprobEntry, MODEL_NAME } from './accounting.ts';
import { ApiError } from './api-error.ts';
import type { Ended, Engine, Step } from './engine.ts';
import { EventStream, sendJson, type Pace } from './http.ts';
import { readInteger, readStops } from './sampling.ts';

/** What the closing object of a completion is made from. */
interface Closing {
  readonly prompt: { readonly text: string };
  readonly account: Account;
  readonly slot: number;
}

/**
 * Answers a completion request.
 *
 * @param tokenize the ids of a prompt that is a text
 */
export async function answerCompletion(
  engine: Engine,
  body: JsonObject,
  response: ServerResponse,
  pace: Pace,
  tokenize: (text: string) => readonly number[] = (text) => engine.tokenize(text),
): Promise<void> {
  const prompt = readPrompt(engine, body['prompt'], tokenize);
  const top = readInteger(body, ['n_probs', 'logprobs'], 0);
  const wishes = {
    limit: readInteger(body, ['n_predict', 'max_tokens'], -1),
    stop: readStops(body),
    top: Math.max(0, top),
  };
  const steps = engine.generate(prompt.ids, wishes);
  const { slot, cached } = engine.slots.take(prompt.ids, {
    slot: readInteger(body, ['id_slot'], -1),
    cache: body['cache_prompt'] !== false,
  });
  const account = new Account(prompt.ids.length, cached);
  const events = body['stream'] === true ? new EventStream(response) : undefined;
  const timingsPerToken = body['timings_per_token'] === true;
  const tokens: number[] = [];
  const probabilities: object[] = [];
  let text = '';
  for (const step of steps) {
    if (!(await pace.next())) return;
    account.count(step);
    tokens.push(step.id);
    text += step.released.text;
    // A token inside a character is told with the one that completes it.
    const told = !step.released.incomplete;
    const probability = told && top > 0 ? [logprobEntry(engine.vocabulary, step)] : [];
    if (events === undefined) probabilities.push(...probability);
    else if (told) await events.send(chunkOf(step, account, probability, timingsPerToken));
    if (step.ended === undefined) continue;
    const closing = { prompt, account, slot };
    if (events === undefined)
      sendJson(response, 200, {
        ...closingOf(closing, step.ended, text, body['return_tokens'] === true ? tokens : []),
        ...(top > 0 ? { completion_probabilities: probabilities } : {}),
      });
    else {
      await events.send(closingOf(closing, step.ended, '', []));
      events.end();
    }
  }
}

function readPrompt(
  engine: Engine,
  prompt: unknown,
  tokenize: (text: string) => readonly number[],
): { text: string; ids: readonly number[] } {
  if (prompt === undefined)
    throw new ApiError(400, "[json.exception.out_of_range.403] key 'prompt' not found");
  if (typeof prompt === 'string') {
    const ids = tokenize(prompt);
    if (ids.length === 0) throw new ApiError(400, '"prompt" must not be empty');
    return { text: prompt, ids };
  }
  const ids = asIds(prompt);
  if (ids === undefined) throw new ApiError(400, '"prompt" must be a string or a list of tokens');
  if (ids.length === 0) throw new ApiError(400, '"prompt" must not be empty');
  if (!ids.every((id) => engine.vocabulary.has(id)))
    throw new ApiError(400, 'Prompt contains invalid tokens');
  return { text: engine.vocabulary.join(ids).toString('utf8'), ids };
}

function chunkOf(
  step: Step,
  account: Account,
  probability: readonly object[],
  timings: boolean,
): object {
  return {
    index: 0,
    content: step.released.text,
    tokens: [step.id],
    stop: false,
    id_slot: -1,
    tokens_predicted: step.place,
    tokens_evaluated: account.promptLength,
    ...(timings ? { timings: account.timings() } : {}),
    ...(probability.length > 0 ? { completion_probabilities: probability } : {}),
  };
}

function closingOf(
  { prompt, account, slot }: Closing,
  ended: Ended,
  text: string,
  tokens: readonly number[],
): object {
  return {
    index: 0,
    content: text,
    tokens,
    id_slot: slot,
    stop: true,
    model: MODEL_NAME,
    tokens_predicted: account.predicted,
    tokens_evaluated: account.promptLength,
    generation_settings: {},
    prompt: prompt.text,
    has_new_line: text.includes('\n'),
    truncated: ended.truncated,
    stop_type: ended.type,
    stopping_word: ended.word,
    tokens_cached: account.promptLength + account.predicted - 1,
    timings: account.timings(),
  };
}

/** The `__verbose` part of a chat answer. */
export function verboseOf(closing: Closing, ended: Ended, text: string): object {
  return { __verbose: closingOf(closing, ended, text, []) };
}
