/**
 * Any server with OpenAI's chat completions, of which nothing more is known. It is the last that
 * `auto` tries. The flags are those of vLLM and transformers; a server that does not know them
 * ignores them or refuses them.
 */
import type { Dialect } from './dialect.ts';
import { flagsAndThinking } from './template-body.ts';
import { connectText, lists } from './text-level-connect.ts';
import { openaiApi } from './text-level-openai.ts';

export const openaiCompatible: Dialect = {
  name: 'openai-compatible',
  limits: [
    'tells no token ids and does not show its prompts: texts are compared',
    'whether thinking can be switched on and off is not known; the scenario’s wish is sent as chat_template_kwargs',
    'whether a schema of the content and tool_choice are obeyed or ignored is not told',
    'where a trailing assistant message is taken for a past turn, nothing in the API says so',
  ],
  recognises: (ask) => lists(ask, '/v1/models', (model) => model['object'] === 'model'),
  connect: (options, signal) =>
    connectText(
      {
        dialect: 'openai-compatible',
        oracle: 'prompt-count',
        api: (model) => openaiApi({ model, logprobs: true, more: flagsAndThinking }),
      },
      options,
      signal,
    ),
};
