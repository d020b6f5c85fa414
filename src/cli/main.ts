#!/usr/bin/env node
/** The command line. What the overview and the version do not need is loaded when it is needed. */
import { watchOutput } from './output.ts';
import { overview } from './overview.ts';

watchOutput();

const [first = '', second] = process.argv.slice(2);
if (first === '-h' || first === '--help' || (first === 'help' && second === undefined))
  process.stdout.write(overview());
else if (first === '-V' || first === '--version')
  console.log((await import('../tool.ts')).TOOL.version);
else await (await import('./program.ts')).run(process.argv);
