/** GitHub Actions: a line of workflow commands a finding, which GitHub shows as annotations. */
import { CAUSES } from '../../diagnosis/causes.ts';
import { HOP_CAUSES } from '../../diagnosis/hop-causes.ts';
import { clip, harmless } from '../markdown/markdown-text.ts';
import type { HopVerdict } from '../hops.ts';
import { endedEarly, engineOf, plantedWords, plural, verdictLine, worstFirst } from '../matrix.ts';
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
  const planted = plantedWords(record);
  const engine = harmless(engineOf(record));
  const harmed = (record.hops?.verdicts ?? []).filter(({ cause }) => cause !== undefined);
  const left =
    Math.max(0, errors.length + harmed.length - MOST) + Math.max(0, warnings.length - MOST);
  const lines = [
    ...[...errors.slice(0, MOST), ...warnings.slice(0, MOST)].map((finding) =>
      command(levelOf(finding), titleOf(finding, engine), messageOf(finding)),
    ),
    ...harmed
      .slice(0, Math.max(0, MOST - errors.length))
      .map((verdict) => hopCommand(verdict, engine)),
    ...(early === undefined ? [] : [command('warning', `seamstress: ${engine}`, early)]),
    ...record.errors
      .slice(0, 3)
      .map((error) =>
        command('warning', `seamstress: error with ${engine}`, harmless(clip(error, 600))),
      ),
    command(
      'notice',
      `seamstress: ${engine}`,
      `${verdictLine(record)}.${planted === undefined ? '' : ` With ${harmless(clip(planted, 400))}.`}${left > 0 ? ` ${plural(left, 'more finding')} without an annotation.` : ''}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** A way through a gateway that it harmed. */
function hopCommand({ hop, cause, route, arm, line, harmed }: HopVerdict, engine: string): string {
  const name = harmless(clip(hop ?? 'a gateway', 80));
  return command(
    'error',
    `seamstress: ${engine} via ${name}: ${cause ?? ''}`,
    [
      `${cause === undefined ? '' : HOP_CAUSES[cause]} ${plural(harmed, 'resume')} by ${harmless(clip(route, 80))}, ${harmless(clip(arm, 80))}.`,
      harmless(clip(line, 600)),
    ].join('\n'),
  );
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
