/** Standard output that cannot take what is printed: the exit status says so. */

/**
 * Watches both outputs. A reader that has read enough, such as `head`, is no error; a device that is
 * full is one, since what was asked for is lost: one line says so, and the exit status is 2. What is
 * under way still goes to its end.
 */
export function watchOutput(): void {
  let failed = false;
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (failed || code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') return;
    failed = true;
    process.stderr.write(
      `seamstress: cannot write to standard output: ${message}\n  Make room, or send the output elsewhere.\n`,
    );
    process.once('exit', () => {
      process.exitCode = 2;
    });
  });
  // Without a place to say so there is nobody to tell.
  process.stderr.on('error', () => undefined);
}
