/** What the gateways on the way made of the resumes: verdicts with and without them, and field by field. */
import { HOP_CAUSES } from '../../diagnosis/hop-causes.ts';
import type { HopRow, HopVerdict } from '../hops.ts';
import { grouped } from '../matrix.ts';
import type { Finding, RunRecord } from '../record.ts';
import { describeCounts } from './chart.ts';
import { spelled } from './spelled.ts';
import { html, shortened, type Html } from './template.ts';

/** Gateways of a target, verdicts, and fields of one verdict listed at most. */
const MOST_HOPS = 8;
const MOST_VERDICTS = 40;
const MOST_FIELDS = 30;

/** A step for each gateway between client and server; empty without one. */
export function hopsOf({ target }: Finding): Html[] {
  return target.hops.slice(0, MOST_HOPS).map(
    (hop) =>
      html`<li>
        <h4>Through <span class="hop">${spelled(shortened(hop, 120))}</span></h4>
        <p>What it sent on is not kept for each finding; see Gateways where they were tested.</p>
      </li>`,
  );
}

/** The section on gateways; undefined where none was tested. */
export function gateways({ hops: report }: RunRecord): Html | undefined {
  if (report === undefined) return undefined;
  const { hops, verdicts, rows, notTested, errors } = report;
  const names = hops.slice(0, MOST_HOPS).map(({ name, version }) => `${name} ${version}`);
  const said = [
    ...notTested.map((what) => `Not tested: ${what}`),
    ...errors.map((error) => `Error: ${error}`),
  ];
  return html`<section aria-labelledby="gateways">
    <h2 id="gateways">Gateways</h2>
    <p>
      client → ${shortened(names.join(' → '), 300)} → ${shortened(report.engine, 80)}:
      ${grouped(report.cuts)} cuts, each really sent and judged by the prompt of what arrived.
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="Verdicts through gateways">
      <table>
        <thead>
          <tr>
            <th scope="col">route and way of resuming</th>
            <th scope="col">straight to the engine</th>
            <th scope="col">through the gateway</th>
            <th scope="col" class="number">harmed</th>
            <th scope="col">by</th>
          </tr>
        </thead>
        <tbody>
          ${verdicts.slice(0, MOST_VERDICTS).map(
            ({ route, arm, direct, proxied, oracle, harmed, hop, cause }) =>
              html`<tr>
                <th scope="row">${shortened(route, 80)}, ${shortened(arm, 80)}</th>
                <td>${describeCounts(direct)}${oracle === 'count' && ' (by count)'}</td>
                <td>${describeCounts(proxied)}</td>
                <td class="number">${grouped(harmed)}</td>
                <td>
                  ${hop === undefined ? '–' : shortened(hop, 80)}${cause !== undefined && html`: <code>${cause}</code>`}
                </td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${verdicts.length > MOST_VERDICTS && html`<p class="note">${verdicts.length - MOST_VERDICTS} more are left out.</p>`}
    ${verdicts
      .slice(0, MOST_VERDICTS)
      .filter((verdict) => verdict.cause !== undefined)
      .map((verdict) => fields(verdict, rows))}
    ${
      said.length > 0 &&
      html`<ul>
        ${said.slice(0, MOST_FIELDS).map((text) => html`<li>${shortened(text, 400)}</li>`)}
      </ul>`
    }
  </section>`;
}

/** What each side of the gateway saw of a request, field by field. */
function fields({ route, arm, line, cause, example }: HopVerdict, all: readonly HopRow[]): Html {
  const own = all.filter((row) => row.route === route && row.arm === arm);
  const name = shortened(`${route}, ${arm}`, 160);
  return html`<details>
    <summary>${name}: ${shortened(line, 400)}</summary>
    ${cause !== undefined && html`<p>${HOP_CAUSES[cause]}</p>`}
    <div class="scroll" tabindex="0" role="region" aria-label="${`Fields of ${name}`}">
      <table>
        <thead>
          <tr>
            <th scope="col">field</th>
            <th scope="col">client sent</th>
            <th scope="col">gateway forwarded</th>
            <th scope="col">change</th>
            <th scope="col">in the prompt</th>
          </tr>
        </thead>
        <tbody>
          ${own.slice(0, MOST_FIELDS).map(
            ({ field, sent, forwarded, change, detail, rendered }) =>
              html`<tr>
                <th scope="row"><code>${shortened(field, 80)}</code></th>
                <td>${valueOf(sent)}</td>
                <td>${valueOf(forwarded)}</td>
                <td>${change}${detail !== '' && html`: ${shortened(detail, 200)}`}</td>
                <td>${rendered === '' ? '–' : shortened(rendered, 200)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${own.length > MOST_FIELDS && html`<p class="note">${own.length - MOST_FIELDS} more fields are left out.</p>`}
    ${
      example !== undefined &&
      html`<dl class="texts">
        <div>
          <dt>wanted</dt>
          <dd><code>…${spelled(shortened(example.wanted, 600))}</code></dd>
        </div>
        <div>
          <dt>got</dt>
          <dd><code>…${spelled(shortened(example.rendered, 600))}</code></dd>
        </div>
      </dl>`
    }
  </details>`;
}

function valueOf(value: string | undefined): Html | string {
  return value === undefined ? '–' : html`<code>${spelled(shortened(value, 300))}</code>`;
}
