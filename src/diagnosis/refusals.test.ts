import { expect, test } from 'vitest';
import { CAUSES } from './causes.ts';
import { nameRefusal } from './refusals.ts';

test.each([
  ['Assistant response prefill is incompatible with enable_thinking.', 'prefill-refused-thinking'],
  ['Cannot set both add_generation_prompt and continue_final_message to true.', 'flags-refused'],
  [
    'Cannot set both `continue_final_message` and `add_generation_prompt` to True.',
    'flags-refused',
  ],
  [
    'Cannot set `continue_final_message` to True when the last message is not from the assistant.',
    'flags-refused',
  ],
  [
    'Cannot set `add_generation_prompt` to True when the last message is from the assistant.',
    'flags-refused',
  ],
  [
    'This model does not support assistant message prefill. The conversation must end with a user message.',
    'prefill-unsupported',
  ],
  [
    'Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant',
    'flags-refused',
  ],
  ['Cannot continue an assistant message that contains tool calls.', 'tool-call-refused'],
  ['Assistant tool call function.arguments must be valid JSON.', 'tool-call-refused'],
  ['Cannot have 2 or more assistant messages at the end of the list.', 'roles-refused'],
  ['Conversation roles must alternate user/assistant/user/assistant/...', 'roles-refused'],
  [
    'The last message of deepseek-reasoner must be a user message, or an assistant message with prefix mode on.',
    'flags-refused',
  ],
  ['messages: final assistant content cannot end with trailing whitespace', 'whitespace-refused'],
  [
    'Expected `thinking` or `redacted_thinking`, but found `text`. When `thinking` is enabled, a final `assistant` message must start with a thinking block.',
    'prefill-refused-thinking',
  ],
  [
    'messages.1: The final block in an assistant message cannot be `thinking`.',
    'prefill-refused-thinking',
  ],
  ['messages.1.content.0: Invalid `signature` in `thinking` block', 'prefill-refused-thinking'],
  [
    'messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.',
    'tool-call-refused',
  ],
  ['This model does not support assistant message prefill.', 'prefill-unsupported'],
  ['The conversation must end with a user message.', 'prefill-unsupported'],
  ['Expected last role User or Tool for serving but got assistant', 'prefill-unsupported'],
  ['Assistant tool call function.arguments must be a JSON object.', 'tool-call-refused'],
  [
    "Assistant message must contain either 'content' or 'tool_calls', but not both.",
    'content-missing',
  ],
  ['the request exceeds the available context size', 'resume-refused'],
])('%s', (message, cause) => {
  // Known words can hold the prompt, and would make a finding of every seam.
  expect(nameRefusal(message)).toEqual({
    cause,
    detail: cause === 'resume-refused' ? message : '',
  });
  // Builds differ in how they write the same words.
  expect(nameRefusal(message.toLowerCase()).cause).toBe(cause);
  expect(nameRefusal(message.toUpperCase()).cause).toBe(cause);
});

test('a final message that the template does not show is the template’s fault', () => {
  const message =
    'continue_final_message is set but the final message does not appear in the chat after applying the chat template!';
  const { cause } = nameRefusal(message);
  expect(CAUSES[cause].culprit).toBe('template');
  expect(nameRefusal(message.toUpperCase()).cause).toBe(cause);
});

test('a value of the flag that the server does not know is the client’s fault', () => {
  const message =
    'Invalid continue_final_message: expected a boolean, "content" or "reasoning_content"';
  expect(nameRefusal(message).cause).toBe('flags-refused');
  expect(nameRefusal(message.toUpperCase()).cause).toBe('flags-refused');
});
