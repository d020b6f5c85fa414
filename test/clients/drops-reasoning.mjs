/** Sends the content back and forgets what was thought. */
import { main } from './resuming.mjs';

await main({ back: ({ content }) => ({ role: 'assistant', content }) });
