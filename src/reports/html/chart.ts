/** Charts as inline SVG. Sizes are attributes, since the page's policy allows no inline style. */
import { VERDICTS, type Verdict } from '../../checks/verdict.ts';
import { grouped, seamsOf, SIGNS } from '../matrix.ts';
import type { VerdictCounts } from '../record.ts';
import { html, type Html } from './template.ts';

/** One stacked bar of verdicts, in the order of the verdicts. */
export function verdictBar(verdicts: VerdictCounts, kind: 'wide' | 'cell'): Html {
  const width = kind === 'wide' ? 720 : 120;
  const height = kind === 'wide' ? 18 : 6;
  const all = seamsOf(verdicts);
  let x = 0;
  const parts = VERDICTS.filter((verdict) => (verdicts[verdict] ?? 0) > 0).map((verdict) => {
    // A verdict that occurs is never too thin to be seen.
    const size = Math.max(width / 100, (width * (verdicts[verdict] ?? 0)) / Math.max(1, all));
    const rect = html`<rect
      class="v-${verdict}"
      x="${x.toFixed(1)}"
      y="0"
      width="${size.toFixed(1)}"
      height="${height}"
    />`;
    x += size;
    return rect;
  });
  return html`<svg
    class="bar ${kind}"
    viewBox="0 0 ${Math.max(width, x).toFixed(1)} ${height}"
    preserveAspectRatio="none"
    role="img"
    aria-label="${describeCounts(verdicts)}"
  >
    ${parts}
  </svg>`;
}

/** `exact 63, drift 494`: every verdict that occurs. */
export function describeCounts(verdicts: VerdictCounts): string {
  const parts = VERDICTS.filter((verdict) => (verdicts[verdict] ?? 0) > 0).map(
    (verdict) => `${verdict} ${grouped(verdicts[verdict] ?? 0)}`,
  );
  return parts.length === 0 ? 'no seams' : parts.join(', ');
}

/** A verdict with its sign. */
export function badge(verdict: Verdict, count?: number): Html {
  return html`<span class="badge b-${verdict}"
    ><span aria-hidden="true">${SIGNS[verdict]}</span> ${verdict}${
      count !== undefined && html` <b>${grouped(count)}</b>`
    }</span
  >`;
}

/** A table whose last column draws its number as a bar. */
export function barTable(
  caption: string,
  heads: readonly [string, string],
  rows: readonly { readonly label: Html | string; readonly count: number }[],
): Html {
  const largest = Math.max(1, ...rows.map((row) => row.count));
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table class="bars">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          <th scope="col">${heads[0]}</th>
          <th scope="col" class="number">${heads[1]}</th>
          <th scope="col"><span class="hidden">Chart</span></th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ label, count }) =>
            html`<tr>
              <th scope="row">${label}</th>
              <td class="number">${grouped(count)}</td>
              <td class="chart">${bar(count / largest)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** A bar of a share between 0 and 1. */
export function bar(share: number, kind = 'plain'): Html {
  const width = Math.max(share > 0 ? 2 : 0, 200 * Math.min(1, share));
  return html`<svg class="share" viewBox="0 0 200 8" preserveAspectRatio="none" aria-hidden="true">
    <rect class="track" x="0" y="0" width="200" height="8" />
    <rect class="${kind}" x="0" y="0" width="${width.toFixed(1)}" height="8" />
  </svg>`;
}
