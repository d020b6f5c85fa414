/**
 * `apply_chat_template` of transformers 4.57 and 5 with `continue_final_message`, as vLLM, SGLang
 * and TGI's clients know it: a tag is put after the last message, the conversation rendered, and
 * the text cut at the tag. Where the template trims, the tag's own last space is gone, and then
 * all white space before it goes too.
 */
import type { JsonObject } from '../../dialects/json.ts';
import { ApiError } from '../api-error.ts';
import type { ChatTemplate, TemplateInput } from '../template.ts';

const TAG = 'CONTINUE_FINAL_MESSAGE_TAG ';

/**
 * The text of a conversation whose last message goes on.
 *
 * @throws {ApiError} 400 when the template left the message out or rewrote it
 */
export function renderContinued(
  template: ChatTemplate,
  input: Omit<TemplateInput, 'messages' | 'addGenerationPrompt'> & {
    readonly messages: readonly JsonObject[];
  },
): string {
  const last = input.messages.at(-1);
  const content = typeof last?.['content'] === 'string' ? last['content'] : '';
  const rendered = template.render({
    ...input,
    messages: [...input.messages.slice(0, -1), { ...last, content: content + TAG }],
    addGenerationPrompt: false,
  });
  if (!rendered.includes(content.trim()) || !rendered.includes(TAG.trim()))
    throw new ApiError(
      400,
      'continue_final_message is set but the final message does not appear in the chat after ' +
        'applying the chat template! This can happen if the chat template deletes portions of ' +
        'the final message. Please verify the chat template and final message in your chat to ' +
        `ensure they are compatible.Final message to continue: ${content.trim()}\nRendered chat:\n${rendered.trimEnd()}`,
    );
  const at = rendered.lastIndexOf(TAG.trim());
  const before = rendered.slice(0, at);
  return rendered.startsWith(TAG, at) ? before : before.trimEnd();
}
