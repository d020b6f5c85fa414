/** The top of the page: what was tested, how it went, and the verdicts by phase and strategy. */
import { VERDICTS } from '../../checks/verdict.ts';
import {
  cutsWords,
  endedEarly,
  engineOf,
  grouped,
  matrixOf,
  percent,
  seamsOf,
  verdictLine,
} from '../matrix.ts';
import type { Finding, RunRecord, VerdictCounts } from '../record.ts';
import { badge, verdictBar } from './chart.ts';
import { html, shortened, type Html } from './template.ts';

/** Strategies of the matrix at most. */
const MOST_ROWS = 60;

export function summary(record: RunRecord): Html {
  const { target, plan, totals } = record;
  const early = endedEarly(record);
  return html`<header class="top">
    <p class="brand">seamstress ${shortened(record.tool.version, 30)}</p>
    <h1>${shortened(engineOf(record), 120)}</h1>
    <p class="lead">${verdictLine(record)}</p>
    ${early !== undefined && html`<p class="warning"><strong>Not finished.</strong> ${early}</p>`}
    ${target.faults !== undefined && target.faults.length > 0 && html`<p class="warning"><strong>Planted faults:</strong> ${shortened(target.faults.join(', '), 400)}</p>`}
    ${verdictBar(totals.verdicts, 'wide')}
    <ul class="totals">
      ${VERDICTS.map((verdict) => html`<li>${badge(verdict, totals.verdicts[verdict] ?? 0)}</li>`)}
    </ul>
    <p class="facts">
      ${[
        target.model,
        `${plan.scenarios.length} scenarios`,
        cutsWords(record),
        plan.shard === undefined ? '' : `shard ${plan.shard.index} of ${plan.shard.of}`,
        `${grouped(totals.resumed)} seams resumed for real`,
        `${totals.seconds.toFixed(1)} s`,
        record.startedAt.slice(0, 16).replace('T', ' '),
      ]
        .filter((part) => part !== '')
        .map((part) => html`<span>${shortened(part, 120)}</span>`)}
    </p>
  </header>`;
}

export function matrix(record: RunRecord): Html {
  const { phases, rows } = matrixOf(record);
  if (rows.length === 0) return html``;
  return html`<section aria-labelledby="matrix">
    <h2 id="matrix">Verdicts by phase and strategy</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Matrix of verdicts">
      <table class="matrix">
        <thead>
          <tr>
            <th scope="col">strategy</th>
            ${phases.map((phase) => html`<th scope="col">${phase}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.slice(0, MOST_ROWS).map(
            ({ strategy, cells }) =>
              html`<tr>
                <th scope="row">${shortened(strategy, 80)}</th>
                ${phases.map((phase) => cell(cells.get(phase)))}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${rows.length > MOST_ROWS && html`<p class="note">${rows.length - MOST_ROWS} more strategies are left out.</p>`}
    <p class="note">
      A cell tells the share of its seams that are exact, and how many are anything else.
    </p>
  </section>`;
}

function cell(verdicts: VerdictCounts | undefined): Html {
  if (verdicts === undefined || seamsOf(verdicts) === 0)
    return html`<td class="empty">no seams</td>`;
  const all = seamsOf(verdicts);
  const rest = VERDICTS.filter((verdict) => verdict !== 'exact' && (verdicts[verdict] ?? 0) > 0);
  return html`<td class="${rest.length === 0 ? 'whole' : ''}">
    <span class="share-exact">${percent(verdicts.exact, all)}</span>
    <span class="of">of ${grouped(all)}</span>
    ${verdictBar(verdicts, 'cell')}
    <span class="rest">${rest.map((verdict) => badge(verdict, verdicts[verdict]))}</span>
  </td>`;
}

/** The list of findings, each a link to its article where it has one. */
export function index(findings: readonly Finding[], articles: number): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="List of findings">
    <table class="index">
      <thead>
        <tr>
          <th scope="col" class="number">no.</th>
          <th scope="col">verdict</th>
          <th scope="col" class="number">seams</th>
          <th scope="col">culprit</th>
          <th scope="col">cause</th>
        </tr>
      </thead>
      <tbody>
        ${findings.map(
          (finding, i) =>
            html`<tr data-row="${i + 1}" data-verdict="${finding.verdict}">
              <td class="number">${i + 1}</td>
              <td>${badge(finding.verdict)}</td>
              <td class="number">${grouped(finding.count)}</td>
              <td>${finding.culprit}</td>
              <td>
                ${
                  i < articles
                    ? html`<a href="${`#finding-${i + 1}`}">${finding.cause}</a>`
                    : finding.cause
                }
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
