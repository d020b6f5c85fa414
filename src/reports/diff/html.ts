/** A diff as one page that needs nothing else. */
import { badge } from '../html/chart.ts';
import { html, shortened, type Html } from '../html/template.ts';
import { page } from '../html/html.ts';
import {
  causeWords,
  costWords,
  countsOf,
  doubts,
  engineOf,
  MACHINE_NOTE,
  placeWords,
  ratesNote,
  rateWords,
  recipeWords,
  sideFacts,
  STATUS_WORDS,
} from './words.ts';
import type { DiffSide, FindingDiff, RateDiff, RunDiff } from './types.ts';
import { visible } from '../../tokens/text.ts';

/** Findings shown one by one; further ones are counted. */
const MOST = 500;

/** Longest text of a server in one place. */
const LONGEST = 400;

export function diffHtml(diff: RunDiff): string {
  const title = `${engineOf(diff.a)} → ${engineOf(diff.b)}`;
  const body = html`<a class="skip" href="#content">Skip to the report</a>
    <main id="content" tabindex="-1">
      <header class="top">
        <p class="brand">seamstress diff</p>
        <h1>${shortened(title, 200)}</h1>
        <p class="lead">${countsOf(diff)}</p>
        ${side('A', diff.a)} ${side('B', diff.b)}
        ${[...doubts(diff), ...diff.notes].map((line) => html`<p class="warning">${text(line)}</p>`)}
      </header>
      ${findings(diff)} ${rates(diff)} ${recipes(diff)} ${costs(diff)}
    </main>
    <footer><p>Made by seamstress from the two runs’ records alone.</p></footer>`;
  return page(`Diff: ${title}`, body);
}

function text(words: string): string {
  return shortened(visible(words), LONGEST);
}

function side(name: string, of: DiffSide): Html {
  return html`<p class="facts">
    <strong>${name}</strong>
    ${[engineOf(of), ...sideFacts(of)].map((fact) => html`<span>${text(fact)}</span>`)}
  </p>`;
}

function findings({ findings: all }: RunDiff): Html {
  const rest = all.length - MOST;
  return html`<section aria-labelledby="findings">
    <h2 id="findings">Findings</h2>
    ${all.length === 0 && html`<p>None in either run.</p>`} ${all.slice(0, MOST).map(finding)}
    ${rest > 0 && html`<p class="warning">${rest} more findings are left out; the JSON has them.</p>`}
  </section>`;
}

function finding(one: FindingDiff): Html {
  const { status, culprit, title, changes, known, verdict, replay } = one;
  const shown = verdict.b ?? verdict.a;
  return html`<article class="finding">
    <h3>${STATUS_WORDS[status]}: ${text(causeWords(one))}</h3>
    <p class="kicker">${shown !== undefined && badge(shown)} <span>${culprit}</span></p>
    <p class="summary">${text(title)}</p>
    <ul>
      ${[...placeWords(one, 40), ...changes].map((words) => html`<li>${text(words)}</li>`)}
      ${known !== undefined && html`<li>known: ${text(known)}</li>`}
    </ul>
    ${status === 'new' && html`<p>Reproduce: <code>${text(replay)}</code></p>`}
  </article>`;
}

function rates(diff: RunDiff): Html {
  const news = diff.rates.filter((rate) => rate.news);
  return html`<section aria-labelledby="rates">
    <h2 id="rates">Verdict rates</h2>
    ${news.length === 0 && html`<p>None differs.</p>`}
    ${news.length > 0 && rateTable('Rates that differ, with their intervals', news)}
    <p class="note">${ratesNote(diff)}.</p>
    <details>
      <summary>All ${diff.rates.length} rates</summary>
      ${rateTable('All rates', diff.rates)}
    </details>
  </section>`;
}

function rateTable(caption: string, list: readonly RateDiff[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          <th scope="col">phase</th>
          <th scope="col">strategy</th>
          <th scope="col">rate, with its interval in %</th>
          <th scope="col">A above, B below</th>
        </tr>
      </thead>
      <tbody>
        ${list.map(
          (rate) =>
            html`<tr>
              <th scope="row">${rate.phase}</th>
              <td>${text(rate.strategy)}</td>
              <td>${rateWords(rate)}</td>
              <td>${intervals(rate)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Both intervals on one scale from 0 to 100 %. */
function intervals({ a, b, verdict }: RateDiff): Html {
  const bar = ({ rate, low, high }: RateDiff['a'], y: number): Html =>
    html`<rect
        class="v-${verdict}"
        x="${(low * 200).toFixed(1)}"
        y="${y}"
        width="${Math.max(1, (high - low) * 200).toFixed(1)}"
        height="5"
        opacity="0.45"
      /><rect
        class="v-${verdict}"
        x="${(rate * 198).toFixed(1)}"
        y="${y - 1}"
        width="2"
        height="7"
      />`;
  return html`<svg
    class="chart"
    viewBox="0 0 200 20"
    role="img"
    aria-label="${rateWords({ a, b, verdict })}"
  >
    ${bar(a, 3)} ${bar(b, 12)}
  </svg>`;
}

function recipes({ recipe }: RunDiff): Html {
  return html`<section aria-labelledby="recipes">
    <h2 id="recipes">Recipes</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Recipes of both runs">
      <table>
        <thead>
          <tr>
            <th scope="col">phase</th>
            <th scope="col">A</th>
            <th scope="col">B</th>
            <th scope="col">changed</th>
          </tr>
        </thead>
        <tbody>
          ${recipe.map(
            (one) =>
              html`<tr>
                <th scope="row">${one.phase}</th>
                <td>${text(recipeWords(one, 'a'))}</td>
                <td>${text(recipeWords(one, 'b'))}</td>
                <td>${one.changed ? 'yes' : 'no'}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

function costs({ cost }: RunDiff): Html {
  return html`<section aria-labelledby="cost">
    <h2 id="cost">Cost</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Cost of both runs">
      <table>
        <thead>
          <tr>
            <th scope="col">what</th>
            <th scope="col" class="number">A</th>
            <th scope="col" class="number">B</th>
            <th scope="col" class="number">B / A</th>
          </tr>
        </thead>
        <tbody>
          ${cost.map(costWords).map(
            ({ what, a, b, change }) =>
              html`<tr>
                <th scope="row">${text(what)}</th>
                <td class="number">${a}</td>
                <td class="number">${b}</td>
                <td class="number">${change}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <p class="note">${MACHINE_NOTE}.</p>
  </section>`;
}
