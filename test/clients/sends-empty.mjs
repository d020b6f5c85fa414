/** Sends an empty assistant message back. */
import { main } from './resuming.mjs';

await main({ back: () => ({ role: 'assistant', content: '' }) });
