/** The end of a prompt, as the common families of templates write it before the reply. */
import type { LocalTokenizer } from './tokenizer.ts';

/** By the control token that gives a family away; the first that the tokenizer knows is taken. */
const HEADERS: readonly (readonly [token: string, header: string])[] = [
  ['<|im_start|>', '<|im_start|>assistant\n'],
  ['<|start_header_id|>', '<|start_header_id|>assistant<|end_header_id|>\n\n'],
  ['<|header_start|>', '<|header_start|>assistant<|header_end|>\n\n'],
  ['<start_of_turn>', '<start_of_turn>model\n'],
  ['<|turn>', '<|turn>model\n'],
  ['<|channel|>', '<|start|>assistant<|channel|>final<|message|>'],
  ['[/INST]', '[/INST]'],
  ['<|assistant|>', '<|assistant|>\n'],
  ['<|Assistant|>', '<|Assistant|>'],
  ['<｜Assistant｜>', '<｜Assistant｜>'],
  ['<|START_OF_TURN_TOKEN|>', '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>'],
];

/** For tokenizers without control tokens of a chat. */
const PLAIN_HEADER = 'Assistant:';

/** The text that stands before a reply in the prompts of this tokenizer's family, by its control tokens. */
export function replyHeader(tokenizer: LocalTokenizer): string {
  const family = HEADERS.find(([token]) => {
    const [id, ...more] = tokenizer.encode(token);
    return id !== undefined && more.length === 0 && tokenizer.isAdded(id);
  });
  return family?.[1] ?? PLAIN_HEADER;
}
