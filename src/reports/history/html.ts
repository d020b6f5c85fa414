/** A history as one page that needs nothing else: one section an engine, one column a run. */
import { visible } from '../../tokens/text.ts';
import { percent } from '../diff/words.ts';
import type { History, HistoryRow, HistoryRun } from './history.ts';
import { verdictBar } from '../html/chart.ts';
import { html, shortened, type Html } from '../html/template.ts';
import { page } from '../html/html.ts';

/** Runs and findings of an engine that are drawn; further ones are counted. */
const MOST_RUNS = 120;
const MOST_FINDINGS = 200;

export function historyHtml(history: History): string {
  const { rows, skipped } = history;
  const runs = rows.reduce((sum, row) => sum + row.runs.length, 0);
  const body = html`<a class="skip" href="#content">Skip to the report</a>
    <main id="content" tabindex="-1">
      <header class="top">
        <p class="brand">seamstress history</p>
        <h1>${rows.length} engines, ${runs} runs</h1>
        <p class="facts"><span>${text(history.folder)}</span></p>
      </header>
      ${rows.map(engine)}
      ${
        skipped.length > 0 &&
        html`<section aria-labelledby="skipped">
          <h2 id="skipped">Skipped</h2>
          <ul>
            ${skipped.map(({ folder, why }) => html`<li><code>${text(folder)}</code>: ${text(why)}</li>`)}
          </ul>
        </section>`
      }
    </main>
    <footer><p>Made by seamstress from the runs’ records alone.</p></footer>`;
  return page('History', body);
}

function text(words: string): string {
  return shortened(visible(words), 300);
}

function engine({ engine: name, model, runs: all, findings }: HistoryRow, i: number): Html {
  const runs = all.slice(-MOST_RUNS);
  const shown = findings.slice(0, MOST_FINDINGS);
  const left = [
    ...(all.length > runs.length ? [`${all.length - runs.length} older runs`] : []),
    ...(findings.length > shown.length ? [`${findings.length - shown.length} findings`] : []),
  ];
  const title = `${name} · ${model}`;
  return html`<section aria-labelledby="engine-${i}">
    <h2 id="engine-${i}">${text(title)}</h2>
    ${chart(runs, title)}
    <div class="scroll" tabindex="0" role="region" aria-label="${text(`Runs of ${title}`)}">
      <table class="heat">
        <caption>
          Seams of each finding, run by run
        </caption>
        <thead>
          <tr>
            <th scope="col">run</th>
            ${runs.map((run) => html`<th scope="col">${run.startedAt.slice(0, 10)}<br />${text(run.build ?? run.version ?? '')}</th>`)}
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">verdicts</th>
            ${runs.map((run) => html`<td>${verdictBar(run.verdicts, 'cell')}</td>`)}
          </tr>
          <tr>
            <th scope="row">exact</th>
            ${runs.map((run) => html`<td class="number">${run.exact === undefined ? '–' : percent(run.exact)}</td>`)}
          </tr>
          ${shown.map(
            ({ id }) =>
              html`<tr>
                <th scope="row"><code>${text(id)}</code></th>
                ${runs.map((run) => cell(run.findings[id]))}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${left.length > 0 && html`<p class="warning">Left out: ${left.join(', ')}.</p>`}
  </section>`;
}

function cell(count: number | undefined): Html {
  return count === undefined
    ? html`<td class="number h0">·</td>`
    : html`<td class="number h4">${count}</td>`;
}

/** The exact share of each run, from 0 to 100 %, as a line with a dot a run. */
function chart(runs: readonly HistoryRun[], title: string): Html {
  const step = 680 / Math.max(1, runs.length - 1);
  const points = runs.flatMap(({ exact }, i) =>
    exact === undefined ? [] : [{ x: 20 + i * step, y: 110 - exact * 100 }],
  );
  const line = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ');
  const [first, last] = [runs[0]?.exact, runs.at(-1)?.exact];
  const says = [first, last].map((rate) => (rate === undefined ? 'unknown' : percent(rate)));
  return html`<figure>
    <figcaption>Exact seams, 0 to 100 %</figcaption>
    <svg
      class="share-line"
      viewBox="0 0 720 120"
      width="720"
      height="120"
      role="img"
      aria-label="${text(`Exact seams of ${title}: from ${says.join(' to ')}`)}"
    >
      <line x1="20" y1="10" x2="700" y2="10" stroke="currentColor" opacity="0.2" />
      <line x1="20" y1="110" x2="700" y2="110" stroke="currentColor" opacity="0.2" />
      <polyline points="${line}" fill="none" stroke="currentColor" stroke-width="1.5" />
      ${points.map(({ x, y }) => html`<circle class="v-exact" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="4" />`)}
    </svg>
  </figure>`;
}
