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
  ['the request exceeds the available context size', 'resume-refused'],
])('%s', (message, cause) => {
  // Known words can hold the prompt, and would make a finding of every seam.
  expect(nameRefusal(message)).toEqual({
    cause,
    detail: cause === 'resume-refused' ? message : '',
  });
});

test('a final message that the template does not show is the template’s fault', () => {
  const { cause } = nameRefusal(
    'continue_final_message is set but the final message does not appear in the chat after applying the chat template!',
  );
  expect(CAUSES[cause].culprit).toBe('template');
});

test('a value of the flag that the server does not know is the client’s fault', () => {
  const { cause } = nameRefusal(
    'Invalid continue_final_message: expected a boolean, "content" or "reasoning_content"',
  );
  expect(cause).toBe('flags-refused');
});
