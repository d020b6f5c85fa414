/** Where along each generation seams break: a strip a scenario and strategy, from the journal. */
import { VERDICTS, type Verdict } from '../../checks/verdict.ts';
import { grouped } from '../matrix.ts';
import type { SeamLine } from '../record.ts';
import { describeCounts } from './chart.ts';
import { html, shortened, type Html } from './template.ts';

/** Columns of a strip; longer generations share columns. */
const COLUMNS = 120;

/** Strips drawn at most, and counted at most. */
const MOST_DRAWN = 40;
const MOST_KEPT = 5000;

/** From nothing to see to the worst. */
const RANK: readonly Verdict[] = ['exact', 'unstable', 'error', 'drift', 'rejected', 'diverged'];

const HEIGHTS: Readonly<Record<Verdict, number>> = {
  exact: 3,
  unstable: 6,
  error: 6,
  drift: 9,
  rejected: 14,
  diverged: 14,
};

interface Strip {
  readonly scenario: string;
  readonly strategy: string;
  readonly n: number;
  /** The worst verdict of each column; undefined where no seam was judged. */
  readonly columns: (Verdict | undefined)[];
  readonly verdicts: Record<Verdict, number>;
}

/** Collects judged seams; bounded however many there are. */
export class SeamMap {
  readonly #strips = new Map<string, Strip>();
  #leftOut = 0;

  add({ scenario, strategy, k, n, verdict }: SeamLine): void {
    const key = JSON.stringify([scenario, strategy, n]);
    let strip = this.#strips.get(key);
    if (strip === undefined) {
      if (this.#strips.size >= MOST_KEPT) {
        this.#leftOut++;
        return;
      }
      strip = {
        scenario,
        strategy,
        n,
        columns: Array.from({ length: Math.min(COLUMNS, n + 1) }),
        verdicts: { exact: 0, drift: 0, diverged: 0, rejected: 0, unstable: 0, error: 0 },
      };
      this.#strips.set(key, strip);
    }
    strip.verdicts[verdict]++;
    const { columns } = strip;
    const place = Math.min(columns.length - 1, Math.floor((k * columns.length) / (n + 1)));
    const before = columns[place];
    if (before === undefined || RANK.indexOf(verdict) > RANK.indexOf(before))
      columns[place] = verdict;
  }

  /** Undefined without a seam. */
  draw(note: string | undefined): Html | undefined {
    if (this.#strips.size === 0) return undefined;
    const strips = [...this.#strips.values()].toSorted((a, b) => failing(b) - failing(a));
    const shown = strips.slice(0, MOST_DRAWN);
    const oneStrategy = new Set(shown.map((strip) => strip.strategy)).size === 1;
    const left = strips.length - shown.length;
    return html`<section aria-labelledby="map">
      <h2 id="map">Where along the generation</h2>
      <p>
        Each strip is a generation from its first token to its last. A column stands for one cut or
        some neighbouring ones and shows the worst verdict there: the higher, the worse.
      </p>
      ${legend(strips)}
      <div class="scroll" tabindex="0" role="region" aria-label="Verdicts along each generation">
        <table class="map">
          <thead>
            <tr>
              <th scope="col">scenario</th>
              ${!oneStrategy && html`<th scope="col">strategy</th>`}
              <th scope="col">first cut to last</th>
              <th scope="col" class="number">tokens</th>
            </tr>
          </thead>
          <tbody>
            ${shown.map(
              (strip) =>
                html`<tr>
                  <th scope="row">${shortened(strip.scenario, 60)}</th>
                  ${!oneStrategy && html`<td>${shortened(strip.strategy, 60)}</td>`}
                  <td class="chart">${drawn(strip)}</td>
                  <td class="number">${grouped(strip.n)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${left > 0 && html`<p class="note">${MOST_DRAWN} strips, those with failing seams first; ${left} more are left out.</p>`}
      ${this.#leftOut > 0 && html`<p class="note">${grouped(this.#leftOut)} seams of further strips are left out.</p>`}
      ${note !== undefined && html`<p class="note">${note}</p>`}
    </section>`;
  }
}

function failing({ verdicts }: Strip): number {
  return verdicts.diverged + verdicts.rejected + verdicts.drift;
}

function legend(strips: readonly Strip[]): Html {
  const seen = VERDICTS.filter((verdict) => strips.some((strip) => strip.verdicts[verdict] > 0));
  return html`<ul class="legend">
    ${seen.map(
      (verdict) =>
        html`<li>
          <svg class="swatch" viewBox="0 0 8 14" aria-hidden="true">${column(verdict, 0, 8)}</svg
          >${verdict}
        </li>`,
    )}
  </ul>`;
}

function drawn({ columns, verdicts }: Strip): Html {
  const width = 600;
  const step = width / columns.length;
  return html`<svg
    class="strip"
    viewBox="0 0 ${width} 14"
    preserveAspectRatio="none"
    role="img"
    aria-label="${describeCounts(verdicts)}"
  >
    ${columns.map(
      (verdict, i) => verdict !== undefined && column(verdict, i * step, Math.max(1, step - 0.6)),
    )}
  </svg>`;
}

function column(verdict: Verdict, x: number, width: number): Html {
  const height = HEIGHTS[verdict];
  return html`<rect
    class="v-${verdict}"
    x="${x.toFixed(1)}"
    y="${14 - height}"
    width="${width.toFixed(1)}"
    height="${height}"
  />`;
}
