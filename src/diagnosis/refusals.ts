/** Refusals, recognised by their words. */
import type { Cause, Named } from './causes.ts';

const WORDS: readonly (readonly [RegExp, Cause])[] = [
  // Mistral and DeepSeek: the marker that says that the message is to be continued is missing.
  [/assistant with prefix true|assistant message with prefix mode on/i, 'flags-refused'],
  [/cannot end with trailing whitespace/i, 'whitespace-refused'],
  [
    /must start with a thinking block|final block in an assistant message cannot be .?thinking|invalid .?signature.? in .?thinking/i,
    'prefill-refused-thinking',
  ],
  [/tool_use.? ids were found without .?tool_result/i, 'tool-call-refused'],
  [/prefill is incompatible with enable_thinking/i, 'prefill-refused-thinking'],
  [
    /does not support assistant message prefill|must end with a user message|Expected last role User or Tool/i,
    'prefill-unsupported',
  ],
  [/cannot continue an assistant message that contains tool calls/i, 'tool-call-refused'],
  // SGLang: the arguments of a call that was cut.
  [/tool call function\.arguments must be (?:valid JSON|a JSON object)/i, 'tool-call-refused'],
  [/final message does not appear in the chat/i, 'final-message-missing'],
  [/must contain either .?content.? or .?tool_calls/i, 'content-missing'],
  [/invalid continue_final_message/i, 'flags-refused'],
  [/cannot set both .*continue_final_message/i, 'flags-refused'],
  [
    /cannot set `?(?:add_generation_prompt|continue_final_message)`? to true when/i,
    'flags-refused',
  ],
  [/roles must alternate|2 or more assistant messages at the end/i, 'roles-refused'],
];

/** Names the cause of a refusal. Words that are not known yet are the detail; known ones can hold the prompt. */
export function nameRefusal(message: string): Named {
  const known = WORDS.find(([words]) => words.test(message));
  return known === undefined
    ? { cause: 'resume-refused', detail: message }
    : { cause: known[1], detail: '' };
}
