/** Sends the reasoning back under a name that the server does not read. */
import { main } from './resuming.mjs';

await main({ back: ({ reasoning, content }) => ({ role: 'assistant', content, reasoning }) });
