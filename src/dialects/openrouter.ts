/**
 * OpenRouter. A trailing assistant message is passed on to the provider, and what becomes of it
 * depends on the model: continued, taken for a past turn, or refused in the provider's words.
 */
import type { Dialect, Hosted } from './dialect.ts';
import { connectText, lists } from './text-level-connect.ts';
import { openaiApi } from './text-level-openai.ts';

const HOSTED: Hosted = { domains: ['openrouter.ai'], keyVariable: 'OPENROUTER_API_KEY' };

export const openrouter: Dialect = {
  name: 'openrouter',
  limits: [
    'tells no token ids and no prompts: texts are compared',
    'another provider may answer the next request; falling back to one is switched off, choosing one is not',
    'with a schema or tool_choice only providers are asked that say they can do it',
    'token counts are those of the provider’s own tokenizer',
  ],
  hosted: HOSTED,
  recognises: (ask) => lists(ask, '/v1/models', (model) => model['canonical_slug'] !== undefined),
  connect: (options, signal) =>
    connectText(
      {
        dialect: 'openrouter',
        oracle: 'prompt-count',
        flags: false,
        hosted: HOSTED,
        api: (model) =>
          openaiApi({
            model,
            reasoningField: 'reasoning',
            more: ({ thinking, responseFormat, toolChoice }) => ({
              provider: {
                allow_fallbacks: false,
                // Others would leave out what they do not know, in silence.
                ...(responseFormat === undefined && toolChoice === undefined
                  ? {}
                  : { require_parameters: true }),
              },
              ...(thinking === undefined ? {} : { reasoning: { enabled: thinking } }),
            }),
          }),
      },
      options,
      signal,
    ),
};
