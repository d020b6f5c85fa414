/** Names of this machine that only it can reach. */

/** True for a host, with or without a port, that is `localhost` or a loopback address in digits. */
export function namesLoopback(host: string | undefined): boolean {
  const name = (host ?? '')
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return name === 'localhost' || name === '::1' || /^127\.\d+\.\d+\.\d+$/.test(name);
}
