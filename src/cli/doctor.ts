/** `seamstress doctor`: what is missing on this machine, and how to get it. */
import { Command } from 'commander';
import { visible } from '../tokens/text.ts';
import { interruptible } from './interrupt.ts';

interface DoctorOptions {
  readonly target?: string;
  readonly json?: boolean;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('say what is missing, and how to get it')
    .description('Examines Node.js, Python, the engine cache and, when one is given, a server.')
    .option('--target <url>', 'also see whether this server answers')
    .option('--json', 'print the result as JSON')
    .action(async (options: DoctorOptions) => {
      const { examine } = await import('../engines/doctor.ts');
      const interrupt = interruptible();
      const found = await examine({
        signal: interrupt.signal,
        ...(options.target === undefined ? {} : { target: options.target }),
      });
      interrupt.release();
      if (options.json === true) console.log(JSON.stringify(found));
      else
        for (const { what, status, found: text, fix } of found) {
          console.log(`${status.padEnd(8)} ${visible(what)}: ${visible(text)}`);
          if (fix !== undefined) console.log(`         ${visible(fix)}`);
        }
      process.exitCode = found.some(({ status }) => status === 'missing') ? 3 : 0;
    });
}
