/** The chat answers of vLLM, as a stream of chunks or as one object. */
import { asArray, asObject, type JsonObject } from '../../dialects/json.ts';
import { MODEL_NAME, randomId } from '../accounting.ts';
import type { Engine, Step } from '../engine.ts';
import { EventStream, sendJson } from '../http.ts';
import type { Piece } from '../parse.ts';
import { readInteger } from '../sampling.ts';
import type { Exchange } from './persona.ts';
import { messageOf, tell, type Told } from './telling.ts';
import { VllmParser } from './vllm-parser.ts';
import { encodeNormalized, readVllmRequest, renderVllm } from './vllm-request.ts';
import {
  finishOf,
  nameOf,
  now,
  ownLogprob,
  readWishes,
  stopReason,
  usageOf,
  type CachedPrompt,
  type Wishes,
} from './vllm-told.ts';

/** An answer in the making. */
interface Telling {
  readonly engine: Engine;
  readonly wishes: Wishes;
  readonly prompt: CachedPrompt;
  readonly head: object;
  readonly told: AsyncIterable<Told>;
  readonly parser: VllmParser;
}

/**
 * Answers a chat.
 *
 * @param fingerprint told with the counts of a stream
 * @param cachedOf how much of a prompt the prefix cache has
 */
export async function answerChat(
  engine: Engine,
  { body, response, pace }: Exchange,
  fingerprint: string,
  cachedOf: (ids: readonly number[]) => number,
): Promise<void> {
  const request = readVllmRequest(body, 'chat');
  const logprobs = body['logprobs'] === true;
  const wishes = readWishes(body, logprobs, readInteger(body, ['top_logprobs'], 0));
  const text = renderVllm(engine, request);
  const ids = encodeNormalized(engine, text);
  const thinks = engine.style.name === 'chatml' && request.kwargs['enable_thinking'] !== false;
  const begins = thinks && !(wishes.stream && endedThinking(text)) ? 'reasoning' : 'content';
  const parser = new VllmParser(begins, request.tools.length > 0);
  const options = {
    limit: wishes.limit,
    stop: wishes.stop,
    top: Math.max(1, wishes.top),
    special: true,
  };
  const told = tell(engine, pace, ids, options, parser);
  const prompt = { ids, cached: cachedOf(ids) };
  const head = { id: `chatcmpl-${randomId().slice(0, 16)}`, created: now(), model: MODEL_NAME };
  const telling = { engine, wishes, prompt, head, told, parser };
  if (wishes.stream) await sendChunks(response, telling, fingerprint);
  else await sendWhole(response, telling, request.continueFinal ? lastRole(body) : 'assistant');
}

async function sendWhole(
  response: Exchange['response'],
  { engine, wishes, prompt, head, told, parser }: Telling,
  role: unknown,
): Promise<void> {
  const steps: Step[] = [];
  const pieces: Piece[] = [];
  for await (const { step, pieces: more } of told) {
    steps.push(step);
    pieces.push(...more);
    if (step.ended === undefined) continue;
    const choice = {
      index: 0,
      message: { ...messageJson(pieces), role },
      logprobs: wishes.logprobs ? logprobsOf(engine, steps, wishes) : null,
      finish_reason: finishOf(step.ended, parser.called),
      stop_reason: stopReason(step.ended),
      token_ids: wishes.ids ? steps.map(({ id }) => id) : null,
      routed_experts: null,
    };
    sendJson(response, 200, {
      ...head,
      object: 'chat.completion',
      choices: [choice],
      usage: usageOf(prompt, step.place),
      prompt_token_ids: wishes.ids ? prompt.ids : null,
    });
  }
}

async function sendChunks(
  response: Exchange['response'],
  { engine, wishes, prompt, head, told, parser }: Telling,
  fingerprint: string,
): Promise<void> {
  const events = new EventStream(response);
  const chunk = (choices: readonly object[], more: object = {}): Promise<void> =>
    events.send({ ...head, object: 'chat.completion.chunk', choices, ...more });
  const opening = { role: 'assistant', content: '' };
  await chunk(
    [{ index: 0, delta: opening, logprobs: null, finish_reason: null }],
    wishes.ids ? { prompt_token_ids: prompt.ids, prompt_text: null } : {},
  );
  for await (const { step, pieces } of told) {
    const delta = deltaJson(pieces);
    const { ended } = step;
    const silent = Object.keys(delta).length === 0 && ended === undefined;
    if (!silent || wishes.ids || wishes.logprobs)
      await chunk([
        {
          index: 0,
          delta,
          logprobs: wishes.logprobs ? logprobsOf(engine, [step], wishes) : null,
          finish_reason: ended === undefined ? null : finishOf(ended, parser.called),
          ...(ended === undefined ? {} : { stop_reason: stopReason(ended) }),
          ...(wishes.ids ? { token_ids: [step.id] } : {}),
        },
      ]);
    if (ended === undefined) continue;
    if (wishes.usage)
      await chunk([], { usage: usageOf(prompt, step.place), system_fingerprint: fingerprint });
    await events.send('[DONE]');
    events.end();
  }
}

function logprobsOf(engine: Engine, steps: readonly Step[], wishes: Wishes): object {
  const entry = (id: number, logprob: number): object => ({
    token: nameOf(engine, id, wishes),
    logprob,
    bytes: [...engine.vocabulary.bytes(id)],
  });
  return {
    content: steps.map((step) => ({
      ...entry(step.id, ownLogprob(step)),
      top_logprobs: step.candidates
        .slice(0, wishes.top)
        .map(({ id, logprob }) => entry(id, logprob)),
    })),
  };
}

/** A continued message keeps its role, whoever it is from. */
function lastRole(body: JsonObject): unknown {
  return asObject(asArray(body['messages']).at(-1))?.['role'];
}

/** True when the thinking of the last turn is over. */
function endedThinking(prompt: string): boolean {
  const turn = prompt.slice(prompt.lastIndexOf('<|im_start|>'));
  return turn.lastIndexOf('</think>') > turn.lastIndexOf('<think>');
}

function callJson(piece: Piece): object[] {
  if (piece.kind === 'call') {
    const called = { name: piece.name };
    return [
      {
        id: `chatcmpl-tool-${piece.index}`,
        type: 'function',
        index: piece.index,
        function: called,
      },
    ];
  }
  return piece.kind === 'arguments'
    ? [{ index: piece.index, function: { arguments: piece.text } }]
    : [];
}

function deltaJson(pieces: readonly Piece[]): object {
  const { reasoning, content } = messageOf(pieces);
  const calls = pieces.flatMap(callJson);
  return {
    ...(reasoning === '' ? {} : { reasoning }),
    ...(content === '' ? {} : { content }),
    ...(calls.length === 0
      ? {}
      : { ...(content === '' ? { content: null } : {}), tool_calls: calls }),
  };
}

/** A whole message; line breaks alone before a tool call are not content. */
function messageJson(pieces: readonly Piece[]): object {
  const { reasoning, content, calls } = messageOf(pieces);
  const own = calls.length > 0 && content.trim() === '' ? '' : content;
  return {
    role: 'assistant',
    content: own === '' ? null : own,
    refusal: null,
    annotations: null,
    audio: null,
    function_call: null,
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map((called, i) => ({
            id: `chatcmpl-tool-${i}`,
            type: 'function',
            function: called,
          })),
        }),
    reasoning: reasoning === '' ? null : reasoning,
  };
}
