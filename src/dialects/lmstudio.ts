/**
 * LM Studio's local server. Its OpenAI-compatible chat goes on with a trailing assistant message
 * unasked. It is told from others by its own REST API, `/api/v0/models`.
 */
import type { Dialect } from './dialect.ts';
import { connectText, lists } from './text-level-connect.ts';
import { openaiApi } from './text-level-openai.ts';

export const lmstudio: Dialect = {
  name: 'lmstudio',
  limits: [
    'tells no token ids, no log-probabilities and no prompts: texts are compared',
    'whether thinking is told apart from the answer is a setting of the server',
  ],
  recognises: (ask) =>
    lists(ask, '/api/v0/models', (model) => model['compatibility_type'] !== undefined),
  connect: (options, signal) =>
    connectText(
      {
        dialect: 'lmstudio',
        oracle: 'prompt-count',
        flags: false,
        api: (model) => openaiApi({ model, reasoningField: 'reasoning_content' }),
      },
      options,
      signal,
    ),
};
