/** The raw completions of vLLM: a prompt as text or ids, without template and parser. */
import { asIds } from '../../dialects/json.ts';
import { MODEL_NAME, randomId } from '../accounting.ts';
import { ApiError } from '../api-error.ts';
import type { Ended, Engine, Step } from '../engine.ts';
import { EventStream, sendJson } from '../http.ts';
import { readInteger } from '../sampling.ts';
import type { Exchange } from './persona.ts';
import { RAW, tell } from './telling.ts';
import { encodeNormalized } from './vllm-request.ts';
import {
  finishOf,
  nameOf,
  now,
  ownLogprob,
  readWishes,
  stopReason,
  usageOf,
  type Wishes,
} from './vllm-told.ts';

/**
 * Answers a completion.
 *
 * @param cachedOf how much of a prompt the prefix cache has
 */
export async function answerCompletion(
  engine: Engine,
  { body, response, pace }: Exchange,
  cachedOf: (ids: readonly number[]) => number,
): Promise<void> {
  const given = body['prompt'];
  const ids = typeof given === 'string' ? encodeNormalized(engine, given) : asIds(given);
  if (ids === undefined || ids.length === 0)
    throw new ApiError(400, 'Either prompt or prompt_embeds must be provided and non-empty.');
  const asked = readInteger(body, ['logprobs'], -1);
  const wishes = readWishes(body, asked >= 0, Math.max(0, asked));
  const options = {
    limit: wishes.limit < 0 ? 16 : wishes.limit,
    stop: wishes.stop,
    top: Math.max(1, wishes.top),
  };
  const head = {
    id: `cmpl-${randomId().slice(0, 16)}`,
    object: 'text_completion',
    created: now(),
    model: MODEL_NAME,
  };
  const prompt = { ids, cached: cachedOf(ids) };
  const events = wishes.stream ? new EventStream(response) : undefined;
  const steps: Step[] = [];
  let offset = 0;
  const choiceOf = (list: readonly Step[], ended: Ended | undefined): object => ({
    index: 0,
    text: list.map(({ released }) => released.text).join(''),
    logprobs: wishes.logprobs ? logprobsOf(engine, list, wishes, offset) : null,
    finish_reason: ended === undefined ? null : finishOf(ended, false),
    stop_reason: ended === undefined ? null : stopReason(ended),
    ...(wishes.ids ? { token_ids: list.map(({ id }) => id), prompt_token_ids: ids } : {}),
  });
  for await (const { step } of tell(engine, pace, ids, options, RAW)) {
    steps.push(step);
    if (events !== undefined) {
      await events.send({ ...head, choices: [choiceOf([step], step.ended)] });
      offset += step.released.text.length;
    }
    if (step.ended === undefined) continue;
    const usage = usageOf(prompt, step.place);
    if (events === undefined)
      sendJson(response, 200, { ...head, choices: [choiceOf(steps, step.ended)], usage });
    else {
      if (wishes.usage) await events.send({ ...head, choices: [], usage });
      await events.send('[DONE]');
      events.end();
    }
  }
}

function logprobsOf(
  engine: Engine,
  steps: readonly Step[],
  wishes: Wishes,
  offset: number,
): object {
  const name = (id: number): string => nameOf(engine, id, wishes);
  let at = offset;
  return {
    text_offset: steps.map(({ id }) => {
      const start = at;
      at += name(id).length;
      return start;
    }),
    token_logprobs: steps.map(ownLogprob),
    tokens: steps.map(({ id }) => name(id)),
    top_logprobs: steps.map(({ candidates }) =>
      Object.fromEntries(
        candidates.slice(0, Math.max(1, wishes.top)).map(({ id, logprob }) => [name(id), logprob]),
      ),
    ),
  };
}
