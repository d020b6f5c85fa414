/** Resumes with everything that it was given. */
import { main } from './resuming.mjs';

await main();
