/** Sends the end of the content twice. */
import { main } from './resuming.mjs';

await main({
  back: ({ reasoning, content }) => ({
    role: 'assistant',
    content: content + content.slice(-16),
    reasoning_content: reasoning,
  }),
});
