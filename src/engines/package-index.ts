import { compareVersions } from './spec.ts';
import { runTool } from './tool.ts';

/** Settings under which pip neither asks nor advertises. */
export const PIP_ENV: Readonly<Record<string, string>> = {
  PIP_NO_INPUT: '1',
  PIP_DISABLE_PIP_VERSION_CHECK: '1',
  PIP_PROGRESS_BAR: 'off',
  PYTHONUNBUFFERED: '1',
};

/** What the package index has, or why it could not be asked. */
export type IndexAnswer = { readonly versions: readonly string[] } | { readonly trouble: string };

/**
 * Asks pip which versions of a package can be installed here, newest first. Only those with a
 * wheel for this Python and platform count: building an engine from source is not for us.
 *
 * @param python interpreter and arguments; it must have pip
 */
export async function versionsOnIndex(
  python: readonly [string, ...string[]],
  packageName: string,
  options: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<IndexAnswer> {
  const [program, ...args] = python;
  const result = await runTool(
    program,
    [...args, '-m', 'pip', 'index', 'versions', packageName, '--only-binary', ':all:'],
    { ...options, env: PIP_ENV },
  );
  if (result.cut === 'timeout') {
    return { trouble: `no answer within ${options.timeoutMs / 1000} s` };
  }
  const listed = /^Available versions: (.+)$/m.exec(result.stdout)?.[1];
  if (result.code !== 0 || listed === undefined) return { trouble: pipTrouble(result.stderr) };
  return { versions: listed.trim().split(/,\s*/) };
}

/** What pip complains about, on one line: its errors, else its last words. */
export function pipTrouble(output: string): string {
  const lines = output.split(/\r?\n/).map((line) => line.trim());
  const errors = lines.filter((line) => /^error:/i.test(line));
  const last = lines.filter((line) => line !== '' && !/^\[?(notice|warning)/i.test(line)).slice(-2);
  const text = (errors.length > 0 ? errors : last)
    .map((line) => line.replace(/^error:\s*/i, ''))
    .join(' ');
  return text.length > 300 ? `${text.slice(0, 299)}…` : text || 'pip gave no reason';
}

/** The versions next to one that does not exist, and the newest, for a hint. */
export function versionsNear(wanted: string, versions: readonly string[]): string[] {
  const sorted = versions.toSorted(compareVersions);
  const split = sorted.findIndex((version) => compareVersions(version, wanted) > 0);
  const at = split === -1 ? sorted.length : split;
  const near = sorted.slice(Math.max(0, at - 2), at + 2);
  const newest = sorted.at(-1);
  return newest === undefined || near.includes(newest) ? near : [...near, newest];
}
