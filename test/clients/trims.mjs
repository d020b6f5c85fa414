/** Trims what it sends back. */
import { main } from './resuming.mjs';

await main({
  back: ({ reasoning, content }) => ({
    role: 'assistant',
    content: content.trim(),
    ...(reasoning === '' ? {} : { reasoning_content: reasoning.trim() }),
  }),
});
