/** mistral.rs. Every chat opens a new turn; unknown fields are accepted in silence. */
import type { Dialect } from './dialect.ts';
import { asObject } from './json.ts';
import { flagsAndThinking } from './template-body.ts';
import { connectText } from './text-level-connect.ts';
import { openaiApi } from './text-level-openai.ts';

export const mistralrs: Dialect = {
  name: 'mistral.rs',
  limits: [
    'a chat cannot go on with a message: a new turn is always opened, and nothing says so',
    'tells no token ids: texts are compared',
    'whether a schema of the content and tool_choice are obeyed is not told',
  ],
  async recognises(ask) {
    const document = asObject(await ask({ method: 'GET', path: '/api-doc/openapi.json' }));
    return asObject(document?.['info'])?.['title'] === 'Mistral.rs';
  },
  connect: (options, signal) =>
    connectText(
      {
        dialect: 'mistral.rs',
        oracle: 'prompt-count',
        api: (model) => openaiApi({ model, more: flagsAndThinking }),
      },
      options,
      signal,
    ),
};
