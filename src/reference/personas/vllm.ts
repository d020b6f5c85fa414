/**
 * vLLM 0.32's OpenAI-compatible server with `--reasoning-parser qwen3`, as seen with the thinker.
 *
 * - Without `continue_final_message` a trailing assistant message becomes a closed turn, in
 *   silence, and a new one is opened. With it the message goes on, by transformers' tag; its
 *   reasoning is always closed by the template.
 * - `/tokenize` with messages renders as chat does, but drops `reasoning_content`.
 * - A stream tells reasoning or content by what the prompt ends in; a whole answer begins in
 *   reasoning always, so that resumed content comes back as reasoning.
 * - Unknown fields are accepted in silence; tokens are told by `return_token_ids`.
 */
import type { ApiError } from '../api-error.ts';
import type { Persona } from './persona.ts';
import { Vllm } from './vllm-server.ts';

const LACKS = [
  'several tokens in one chunk, which the real server does when it is busy',
  'in /v1/messages and /v1/responses: images, stored responses, signatures, the order of closing events',
  'call ids are counted instead of random',
  'validation of fields that decide neither prompt nor length, and the full list of its complaints',
  'the tool parser for models that write other tool calls than the thinker',
];

function errorBody(error: ApiError): unknown {
  if (error.status === 404 && error.type === 'not_found_error') return { detail: 'Not Found' };
  const type = error.type === 'invalid_request_error' ? 'BadRequestError' : error.type;
  return {
    error: {
      message: error.message,
      type,
      param: error.details['param'] ?? null,
      code: error.status,
    },
  };
}

export const vllm: Persona = {
  name: 'vllm',
  dialect: 'vllm',
  sources: [
    'seen on vLLM 0.32 with the thinker; compared with it in test/engines/personas.test.ts',
    'vllm/parser/qwen3.py, vllm/entrypoints/serve/tokenize/protocol.py',
    'transformers/utils/chat_template_utils.py: render_jinja_template',
  ],
  lacks: LACKS,
  routes: (engine) => new Vllm(engine).routes,
  errorBody,
};

/** Started with `--enable-scale-out`: it renders the requests of all of its APIs. */
export const vllmScaleOut: Persona = {
  ...vllm,
  name: 'vllm-scale-out',
  sources: ['seen on vLLM 0.32 with --enable-scale-out'],
  routes: (engine) => new Vllm(engine, true).routes,
};

/** Gemma's template trims every content, and the prefill with it (transformers #34253, #35433). */
export const vllmGemma: Persona = {
  ...vllm,
  name: 'vllm-gemma',
  style: 'gemma',
  sources: ['transformers/utils/chat_template_utils.py with models/thinker/templates/gemma.jinja'],
};
