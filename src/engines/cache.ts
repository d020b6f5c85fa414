import { homedir } from 'node:os';
import { posix, win32 } from 'node:path';

/** What the cache folder depends on. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  readonly home: string;
}

/** The surroundings of this process. */
function surroundings(): Surroundings {
  return { env: process.env, platform: process.platform, home: homedir() };
}

/**
 * The folder for what is too large to fetch at every run: `$SEAMSTRESS_CACHE`, else
 * `$XDG_CACHE_HOME/seamstress`, else the system's usual place. It need not exist yet.
 */
export function cacheFolder({ env, platform, home }: Surroundings = surroundings()): string {
  const path = platform === 'win32' ? win32 : posix;
  const own = env['SEAMSTRESS_CACHE'];
  if (own !== undefined && own !== '') return path.resolve(own);
  const xdg = env['XDG_CACHE_HOME'];
  // The XDG specification has relative paths ignored.
  if (xdg !== undefined && path.isAbsolute(xdg)) return path.join(xdg, 'seamstress');
  if (platform === 'darwin') return path.join(home, 'Library', 'Caches', 'seamstress');
  if (platform === 'win32') {
    const local = env['LOCALAPPDATA'] ?? path.join(home, 'AppData', 'Local');
    return path.join(local, 'seamstress', 'Cache');
  }
  return path.join(home, '.cache', 'seamstress');
}
