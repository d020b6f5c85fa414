/**
 * llama.cpp's server with its true quirks, as seen on build b11549, and as seen on b8929 before the
 * continuation handler of May 2026.
 *
 * b11549, in a resume:
 * - the thought is put between the tags that the handler finds in the template, so that a thought
 *   that ends in a line break gets a second one before `</think>`;
 * - content without a thought gets an empty think block before it;
 * - a message that says nothing loses the header of the answer;
 * - `continue_final_message` with a user message last goes on with the user's text;
 * - a message with tool calls is refused;
 * - nothing is trimmed, whatever the template does to past turns (also Gemma's);
 * - a stream holds what is new, a whole answer prefix and continuation.
 *
 * b8929 refuses every trailing assistant message unless thinking is switched off, and then drops
 * its reasoning, and tells the block that switches thinking off as new content.
 */
import { answerChat, type Conduct } from '../chat.ts';
import { answerCompletion } from '../completion.ts';
import type { Engine } from '../engine.ts';
import { sendJson } from '../http.ts';
import { detokenize, models, props, tokenize } from '../info.ts';
import type { Piece } from '../parse.ts';
import type { StyleName } from '../style.ts';
import {
  promptNew,
  promptOld,
  readNew,
  readOld,
  type LlamacppRequest,
} from './llamacpp-request.ts';
import { MarkupParser } from './markup-parser.ts';
import type { Exchange, Persona, Routes } from './persona.ts';
import { otherRoutes } from './route-chat.ts';
import { Replays } from './stream-replay.ts';
import { messageOf } from './telling.ts';

/** A build: how it reads a request and what prompt it makes. */
interface Build {
  readonly build: string;
  readonly read: Conduct['read'];
  /** False where the thinking tags in a resumed message are content. */
  readonly parsesResumes: boolean;
  /** Whether it has `/v1/messages`, `/v1/responses` and the replay of streams. */
  readonly hasOthers: boolean;
  readonly prompt: (engine: Engine, request: LlamacppRequest) => ReturnType<Conduct['prompt']>;
}

const NEWEST: Build = {
  build: 'b11549',
  read: readNew,
  prompt: promptNew,
  parsesResumes: true,
  hasOthers: true,
};
const APRIL: Build = {
  build: 'b8929',
  read: readOld,
  prompt: promptOld,
  parsesResumes: false,
  hasOthers: false,
};

function routesOf(
  { build, read, prompt, parsesResumes, hasOthers }: Build,
  style: StyleName,
  engine: Engine,
): Routes {
  const conduct: Conduct = {
    read,
    // The conduct's own `read` made it.
    prompt: (_, request) => prompt(engine, request as LlamacppRequest),
    // Only templates that write tools have their calls parsed.
    parser: (tools, { trailing }) =>
      new MarkupParser(
        trailing !== undefined && !parsesResumes ? undefined : style,
        tools && style === 'chatml',
      ),
    prefix: withoutBlankThought,
  };
  const encode = (text: string): readonly number[] => engine.encode(text);
  const health = { status: 'ok' };
  const answer = ({ body, response, pace }: Exchange): Promise<void> =>
    answerChat(engine, body, response, pace, conduct);
  const replays = new Replays();
  const chat = (exchange: Exchange): Promise<void> =>
    hasOthers ? replays.keep(exchange, answer) : answer(exchange);
  const others = otherRoutes({
    reasoningField: 'reasoning_content',
    readsStatus: false,
    tellsLimit: false,
    chat: answer,
    count: (body) => conduct.prompt(engine, read(body)).ids.length,
  });
  const complete = ({ body, response, pace }: Exchange): Promise<void> =>
    answerCompletion(engine, body, response, pace, encode);
  return {
    'GET /health': ({ response }) => sendJson(response, 200, health),
    'GET /v1/health': ({ response }) => sendJson(response, 200, health),
    'GET /props': ({ response }) =>
      sendJson(response, 200, { ...props(engine), build_info: build }),
    'GET /models': ({ response }) => sendJson(response, 200, models(engine)),
    'GET /v1/models': ({ response }) => sendJson(response, 200, models(engine)),
    'POST /apply-template': ({ response, body }) =>
      sendJson(response, 200, { prompt: conduct.prompt(engine, read(body)).text }),
    'POST /tokenize': ({ response, body }) =>
      sendJson(response, 200, tokenize(engine, body, encode)),
    'POST /detokenize': ({ response, body }) => sendJson(response, 200, detokenize(engine, body)),
    'POST /chat/completions': chat,
    'POST /v1/chat/completions': chat,
    'POST /completion': complete,
    'POST /completions': complete,
    ...(hasOthers ? { ...others, 'GET /v1/stream': (exchange) => replays.replay(exchange) } : {}),
  };
}

/** A thought of white space alone is not told: the template's own empty block. */
function withoutBlankThought(pieces: readonly Piece[]): readonly Piece[] {
  const blank = messageOf(pieces).reasoning.trim() === '';
  return blank ? pieces.filter(({ kind }) => kind !== 'reasoning') : pieces;
}

const LACKS = [
  'the refusal of model text that its parser cannot read (HTTP 500, or an error event)',
  'in /v1/messages and /v1/responses: images, the order of closing events, replays of their streams; in /v1/stream: lists, stopping, and that a stream is forgotten in time',
  'call ids are `call_0`, `call_1`, … instead of random',
  'the scripted model leaves its script where the thinker only drifts',
  'grammars, sampling other than greedy, and tool-call formats other than the thinker’s',
];

function persona(
  name: string,
  build: Build,
  style: StyleName,
  sources: readonly string[],
): Persona {
  return {
    name,
    dialect: 'llama.cpp',
    sources,
    lacks: LACKS,
    style,
    routes: (engine) => routesOf(build, style, engine),
  };
}

export const llamacpp: Persona = persona('llama.cpp', NEWEST, 'chatml', [
  'seen on b11549 with the thinker; compared with it in test/engines/personas.test.ts',
  'tools/server/server-common.cpp: oaicompat_chat_params_parse',
]);

export const llamacppApril: Persona = persona('llama.cpp-2026-04', APRIL, 'chatml', [
  'seen on b8929 with the thinker; compared with it in test/engines/personas.test.ts',
]);

/** R1-like: the prompt ends inside the thinking. */
export const r1: Persona = persona('llama.cpp-r1', NEWEST, 'deepseek', [
  'seen on b11549 with models/thinker/templates/deepseek.jinja',
]);

/** gpt-oss channels. */
export const gptOss: Persona = persona('llama.cpp-gpt-oss', NEWEST, 'harmony', [
  'seen on b11549 with models/thinker/templates/harmony.jinja',
]);

/** A template that trims: past turns only, on this build. */
export const gemma: Persona = persona('llama.cpp-gemma', NEWEST, 'gemma', [
  'seen on b11549 with models/thinker/templates/gemma.jinja',
]);
