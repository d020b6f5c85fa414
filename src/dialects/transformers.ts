/**
 * `transformers serve`. Every chat opens a new turn; the continuation flags are refused as
 * unexpected fields, with HTTP 422.
 */
import { possibleConstraints } from './constraints.ts';
import type { Dialect } from './dialect.ts';
import { asObject } from './json.ts';
import { flagsAndThinking } from './template-body.ts';
import { connectText } from './text-level-connect.ts';
import { openaiApi } from './text-level-openai.ts';

export const transformers: Dialect = {
  name: 'transformers',
  limits: [
    'a chat cannot go on with a message: a new turn is always opened, in silence without the flags',
    'tells no token ids and no log-probabilities: texts are compared',
    'it ignores response_format and tool_choice: scenarios that need one are not tested',
    'it is recognised by its API document, which an operator can switch off',
  ],
  async recognises(ask) {
    const document = asObject(await ask({ method: 'GET', path: '/openapi.json' }));
    const paths = asObject(document?.['paths']) ?? {};
    return '/load_model' in paths && '/v1/responses' in paths;
  },
  connect: (options, signal) =>
    connectText(
      {
        dialect: 'transformers',
        oracle: 'prompt-count',
        api: (model) =>
          openaiApi({
            model,
            constraints: possibleConstraints('transformers', {
              responseFormat: true,
              toolChoice: true,
            }),
            more: flagsAndThinking,
          }),
      },
      options,
      signal,
    ),
};
