/** One finding: what, where, whose, token by token, what each side saw, and how to see it again. */
import { CAUSES } from '../../diagnosis/causes.ts';
import { grouped, plural } from '../matrix.ts';
import type { Finding } from '../record.ts';
import { stitch, type Vocabulary } from '../stitch.ts';
import { badge } from './chart.ts';
import { hopsOf } from './hops.ts';
import { difference, sequence, textDifference } from './sequence.ts';
import { spelled } from './spelled.ts';
import { html, shortened, type Html } from './template.ts';
import { timeline, type CapturedChunk } from './timeline.ts';

/** Characters of a text that is shown whole. */
const LONGEST_TEXT = 4000;

/** Rows of a list within a finding. */
const MOST_ROWS = 24;

/**
 * @param number its place in the report, from 1
 * @param captured its captured stream; empty where none was kept
 */
export function findingArticle(
  finding: Finding,
  number: number,
  vocabulary: Vocabulary,
  captured: readonly CapturedChunk[],
): Html {
  const { minimal } = finding;
  const stitched = stitch(finding, vocabulary);
  const name = `finding ${number}`;
  const { expected, actual } = minimal;
  const refused = finding.check === 'resume';
  return html`<article
    class="finding"
    id="${`finding-${number}`}"
    aria-labelledby="${`finding-${number}-title`}"
    data-verdict="${finding.verdict}"
    data-search="${searchable(finding)}"
  >
    <header>
      <p class="kicker">
        <span class="ordinal">${number}</span> ${badge(finding.verdict)}
        <span>${plural(finding.count, 'seam')}</span>
        <span>cuts ${grouped(finding.cuts.first)}–${grouped(finding.cuts.last)}</span>
        <span>${finding.culprit}: <code>${finding.cause}</code></span>
      </p>
      <h3 id="${`finding-${number}-title`}">${CAUSES[finding.cause].title}</h3>
      ${
        finding.summary !== CAUSES[finding.cause].title &&
        html`<p class="summary">${shortened(addedBy(finding), 600)}</p>`
      }
      <p class="where">
        Seen in
        ${finding.where
          .slice(0, 6)
          .map(
            ({ phase, strategy, count }, i) =>
              html`${i > 0 && ', '}${phase} / ${shortened(strategy, 80)} (${grouped(count)})`,
          )}${finding.where.length > 6 && ` and ${finding.where.length - 6} more`};
        scenarios
        ${finding.scenarios.slice(0, MOST_ROWS).join(', ').slice(0, 600)}${finding.scenarios.length > MOST_ROWS && ` and ${finding.scenarios.length - MOST_ROWS} more`}.
        Smallest example: <code>${shortened(minimal.scenario.id, 80)}</code>,
        ${shortened(finding.strategy, 80)}, cut after
        ${[...minimal.pauses, minimal.k].slice(0, MOST_ROWS).join(', ')} tokens (${minimal.way}).
      </p>
    </header>
    ${
      refused &&
      actual.text !== '' &&
      html`<blockquote class="refusal">
        <p>The server says</p>
        <code>${spelled(shortened(actual.text, 1200))}</code>
      </blockquote>`
    }
    ${difference(stitched, name)}
    ${!refused && expected.text !== actual.text && textDifference(expected.text, actual.text)}
    ${sequence(stitched, name)} ${section('What each side saw', name, sides(finding))}
    ${captured.length > 0 && section('The captured stream', name, timeline(captured, name))}
    ${reproduce(finding, name)}
  </article>`;
}

/** What the summary tells beyond the title of the cause. */
function addedBy({ summary, cause }: Finding): string {
  const { title } = CAUSES[cause];
  return summary.startsWith(title) ? summary.slice(title.length).trim() : summary;
}

/** The words that the filter looks through. */
function searchable(finding: Finding): string {
  const places = finding.where
    .slice(0, MOST_ROWS)
    .map(({ phase, strategy }) => `${phase} ${strategy}`);
  return [finding.verdict, finding.culprit, finding.cause, finding.summary, finding.id, ...places]
    .concat(finding.scenarios.slice(0, MOST_ROWS))
    .join(' ')
    .toLowerCase()
    .slice(0, 1500);
}

function section(title: string, name: string, body: Html): Html {
  return html`<details>
    <summary>${title}<span class="hidden"> in ${name}</span></summary>
    ${body}
  </details>`;
}

/** Client, hops, server: what each held or was sent, in the order of the way. */
function sides(finding: Finding): Html {
  const { minimal, target } = finding;
  const { view, actual, expected } = minimal;
  const fields: [string, string][] = [
    ['reasoning', view.reasoning],
    ['content', view.content],
    ...view.toolCalls
      .slice(0, 8)
      .map((call, i): [string, string] => [`tool call ${i + 1}`, `${call.name}(${call.arguments}`]),
  ];
  return html`<ol class="sides">
    <li>
      <h4>The client held</h4>
      <dl>
        ${fields.map(
          ([field, text]) =>
            html`<div>
              <dt>${field}</dt>
              <dd>${linesOf(text)}</dd>
            </div>`,
        )}
      </dl>
    </li>
    <li>
      <h4>The client sent</h4>
      ${minimal.requests.length === 0 && html`<p>No request was kept.</p>`}
      ${minimal.requests.slice(0, 4).map(
        ({ method, url, body }, i) =>
          html`<p><code>${method} ${shortened(url, 200)}</code></p>
            ${body !== undefined && pre(jsonOf(body), `Request ${i + 1} of ${finding.id}`)}`,
      )}
      ${minimal.requests.length > 4 && html`<p class="note">${minimal.requests.length - 4} more requests are in the finding’s file.</p>`}
    </li>
    ${hopsOf(finding)}
    <li>
      <h4>
        ${shortened(target.engine.name, 60)} ${finding.check === 'resume' ? 'refused' : 'saw'}
      </h4>
      ${
        finding.check === 'resume'
          ? html`<p><code>${spelled(shortened(actual.text, LONGEST_TEXT))}</code></p>`
          : actual.text === '' && expected.text === ''
            ? html`<p>The text was what it must be; the record keeps none.</p>`
            : html`<dl>
                <div>
                  <dt>wanted</dt>
                  <dd>${linesOf(expected.text)}</dd>
                </div>
                <div>
                  <dt>got</dt>
                  <dd>${linesOf(actual.text)}</dd>
                </div>
              </dl>`
      }
    </li>
  </ol>`;
}

/** A text with visible whitespace, broken where it has a line break. */
function linesOf(text: string): Html {
  const parts = spelled(shortened(text, LONGEST_TEXT)).split('⏎');
  return html`<code class="spelled"
    >${text === '' ? '∅' : parts.map((line, i) => html`${i > 0 && html`⏎<br />`}${line}`)}</code
  >`;
}

/** A block that scrolls by itself and can be reached with the keyboard. */
export function pre(text: string, label: string): Html {
  return html`<pre
    tabindex="0"
    role="region"
    aria-label="${label}"
  ><code>${shortened(text, LONGEST_TEXT)}</code></pre>`;
}

/** A value as JSON; a value that is nested too deeply says so. */
export function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value, undefined, 2);
  } catch {
    return '(nested too deeply to be shown)';
  }
}

function reproduce({ replay, fuzz }: Finding, name: string): Html {
  const lines = [replay.command, ...replay.curl.slice(0, 3)];
  return html`<section class="reproduce" aria-label="${`Reproduce ${name}`}">
    <h4>Reproduce</h4>
    ${lines.map(
      (line, i) =>
        html`<div class="copyable">
          <pre
            tabindex="0"
            role="region"
            aria-label="${`Command ${i + 1} of ${name}`}"
          ><code>${shortened(line, LONGEST_TEXT)}</code></pre>
          ${line.length <= LONGEST_TEXT && html`<button type="button" class="copy" hidden>Copy<span class="hidden"> command ${i + 1} of ${name}</span></button>`}
        </div>`,
    )}
    ${fuzz !== undefined && html`<p class="note">Found by fuzzing: seed ${fuzz.seed}, path <code>${shortened(fuzz.path, 200)}</code>.</p>`}
  </section>`;
}
