/** Asks again from the start, and shows what it gets as it comes. */
import { main } from './resuming.mjs';

await main({ resumes: false, repeats: true });
