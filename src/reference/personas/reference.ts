/**
 * The persona that the embedded server is by default: llama.cpp's API, right by construction, and
 * the one into which faults are planted.
 */
import { sendJson } from '../http.ts';
import { answerChat } from '../chat.ts';
import { answerCompletion } from '../completion.ts';
import { applyTemplate, detokenize, models, props, tokenize } from '../info.ts';
import type { Persona } from './persona.ts';

export const reference: Persona = {
  name: 'reference',
  dialect: 'llama.cpp',
  sources: ['tools/server/README.md of llama.cpp; the differences stand in server.ts'],
  lacks: ['what llama.cpp does beside chat, completion, templates and tokens'],
  natural: false,
  routes(engine) {
    const health = { status: 'ok' };
    return {
      'GET /health': ({ response }) => sendJson(response, 200, health),
      'GET /v1/health': ({ response }) => sendJson(response, 200, health),
      'GET /props': ({ response }) => sendJson(response, 200, props(engine)),
      'GET /models': ({ response }) => sendJson(response, 200, models(engine)),
      'GET /v1/models': ({ response }) => sendJson(response, 200, models(engine)),
      'POST /apply-template': ({ response, body }) =>
        sendJson(response, 200, applyTemplate(engine, body)),
      'POST /tokenize': ({ response, body }) => sendJson(response, 200, tokenize(engine, body)),
      'POST /detokenize': ({ response, body }) => sendJson(response, 200, detokenize(engine, body)),
      'POST /chat/completions': ({ body, response, pace }) =>
        answerChat(engine, body, response, pace),
      'POST /v1/chat/completions': ({ body, response, pace }) =>
        answerChat(engine, body, response, pace),
      'POST /completion': ({ body, response, pace }) =>
        answerCompletion(engine, body, response, pace),
      'POST /completions': ({ body, response, pace }) =>
        answerCompletion(engine, body, response, pace),
    };
  },
};
