/** Resumes that the server refuses, in the words of the servers that do. */
import { ApiError } from './api-error.ts';
import type { ChatRequest } from './chat-request.ts';
import type { RefusalFault } from './fault-catalogue.ts';
import type { Plan } from './faults.ts';

interface RefusalRule {
  readonly words: string;
  /** Which requests it refuses; all that have a trailing assistant message when left out. */
  readonly when?: (request: ChatRequest) => boolean;
}

const RULES: Readonly<Record<RefusalFault, RefusalRule>> = {
  'prefill-refused': { words: 'Assistant response prefill is incompatible with enable_thinking.' },
  'prefill-unsupported': {
    words:
      'This model does not support assistant message prefill. The conversation must end with a user message.',
  },
  'tool-call-refused': {
    words: 'Cannot continue an assistant message that contains tool calls.',
    when: ({ trailing }) => (trailing?.calls.length ?? 0) > 0,
  },
  'flags-refused': {
    words: 'Cannot set both `continue_final_message` and `add_generation_prompt` to True.',
    when: ({ addGenerationPrompt }) => !addGenerationPrompt,
  },
  'roles-refused': { words: 'Conversation roles must alternate user/assistant/user/assistant/...' },
  'final-message-refused': {
    words:
      'continue_final_message is set but the final message does not appear in the chat after applying the chat template!',
    when: ({ trailing }) => trailing !== undefined && trailing.reasoning !== '',
  },
};

/**
 * Refuses a request that a planted fault refuses.
 *
 * @throws {ApiError} with status 400 and a real server's words.
 */
export function refuseIfPlanted(plan: Plan, request: ChatRequest): void {
  if (request.trailing === undefined) return;
  for (const [name, { words, when }] of Object.entries(RULES) as [RefusalFault, RefusalRule][])
    if (plan.strikes(name, request.key) && (when === undefined || when(request)))
      throw new ApiError(400, words);
}
