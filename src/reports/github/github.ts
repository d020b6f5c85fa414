/** GitHub Actions: a line of workflow commands a finding, which GitHub shows as annotations. */
import { CAUSES } from '../../diagnosis/causes.ts';
import { clip, harmless } from '../markdown/markdown-text.ts';
import { endedEarly, engineOf, plural, verdictLine, worstFirst } from '../matrix.ts';
import type { Finding, RunRecord } from '../record.ts';

/** GitHub shows ten annotations of a kind and step; more lines would only be lost. */
const MOST = 10;

type Level = 'error' | 'warning' | 'notice';

/** Workflow commands, one a line; nothing that a record holds can start a line of its own. */
export function githubAnnotations(record: RunRecord): string {
  const sorted = worstFirst(record.findings);
  const errors = sorted.filter((finding) => levelOf(finding) === 'error');
  const warnings = sorted.filter((finding) => levelOf(finding) === 'warning');
  const early = endedEarly(record);
  const engine = harmless(engineOf(record));
  const left = [errors, warnings].reduce((sum, list) => sum + Math.max(0, list.length - MOST), 0);
  const lines = [
    ...[...errors.slice(0, MOST), ...warnings.slice(0, MOST)].map((finding) =>
      command(levelOf(finding), titleOf(finding, engine), messageOf(finding)),
    ),
    ...(early === undefined ? [] : [command('warning', `seamstress: ${engine}`, early)]),
    ...record.errors
      .slice(0, 3)
      .map((error) =>
        command('warning', `seamstress: error with ${engine}`, harmless(clip(error, 600))),
      ),
    command(
      'notice',
      `seamstress: ${engine}`,
      `${verdictLine(record)}.${left > 0 ? ` ${plural(left, 'more finding')} without an annotation.` : ''}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function levelOf({ verdict }: Finding): Level {
  return verdict === 'drift' ? 'warning' : 'error';
}

function titleOf({ verdict, cause, culprit }: Finding, engine: string): string {
  return `seamstress: ${engine}: ${verdict}, ${culprit}: ${cause}`;
}

function messageOf(finding: Finding): string {
  const { count, summary, where, cause, replay } = finding;
  const places = where
    .slice(0, 3)
    .map((place) => `${place.phase}/${harmless(clip(place.strategy, 80))} ${place.count}`)
    .join(', ');
  return [
    `${CAUSES[cause].title} ${plural(count, 'seam')}: ${places}.`,
    harmless(clip(summary, 600)),
    `Reproduce: ${harmless(clip(replay.command, 400))}`,
  ].join('\n');
}

function command(level: Level, title: string, message: string): string {
  return `::${level} title=${property(clip(title, 200))}::${data(message)}`;
}

/** As the toolkit's own commands escape it. */
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
