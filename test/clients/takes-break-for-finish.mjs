/** Takes whatever it got for the whole answer. */
import { main } from './resuming.mjs';

await main({ notices: false });
