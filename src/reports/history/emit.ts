/** Where the reports of a history go, and writing them. */
import { SeamstressError } from '../../errors.ts';
import { writeText } from '../diff/emit.ts';
import { historyHtml } from './html.ts';
import { historyTerminal } from './terminal.ts';
import { readHistory, type History } from './history.ts';

const WRITERS: Readonly<Record<string, (history: History) => string>> = {
  html: historyHtml,
  json: (history) => `${JSON.stringify(history, undefined, 2)}\n`,
  terminal: historyTerminal,
};

/**
 * Reads a folder of runs and writes what was asked for, else the terminal's history.
 *
 * @param reports each `KIND=PATH`, of `html`, `json` and `terminal`; `-` is standard output
 * @throws {SeamstressError} `usage` for another kind; `config` without a run; `output`
 */
export function writeHistory(folder: string, reports: readonly string[]): void {
  const specs = (reports.length === 0 ? ['terminal=-'] : reports).map((text) => {
    const [kind = '', ...rest] = text.split('=');
    const writer = WRITERS[kind];
    const path = rest.join('=');
    if (writer === undefined || path === '')
      throw new SeamstressError('usage', `"${text}" is no report of a history`, {
        hint: `Give KIND=PATH; kinds: ${Object.keys(WRITERS).join(', ')}.`,
      });
    return { writer, path };
  });
  const history = readHistory(folder);
  for (const { writer, path } of specs) {
    const text = writer(history);
    if (path === '-') process.stdout.write(text);
    else writeText(path, text);
  }
}
