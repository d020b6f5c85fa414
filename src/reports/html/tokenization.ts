/** How the generations come back from their text, and how the local tokenizer compares. */
import { grouped, plural } from '../matrix.ts';
import type { RunRecord, Tokenization } from '../record.ts';
import { respaced } from './spelled.ts';
import { html, shortened, type Html } from './template.ts';

/** Rows and examples of each table at most. */
const MOST_ROWS = 40;
const MOST_EXAMPLES = 8;

/** Undefined in records that hold none. */
export function tokenization({ tokenization: made }: RunRecord): Html | undefined {
  if (made === undefined) return undefined;
  const { kinds, examples, basis, misfits, total } = made.table;
  const failing = kinds.filter(({ afterHeader }) => afterHeader.notIdempotent.count > 0);
  return html`<section aria-labelledby="tokenization">
    <h2 id="tokenization">Text back to tokens, by scenario</h2>
    <p>
      ${grouped(total.afterHeader.notIdempotent.count)} of ${plural(total.cuts, 'cut')} do not come
      back after their prompt (95 %: ${percent(total.afterHeader.notIdempotent)}):
      ${grouped(total.afterHeader.cutInduced.count)} because of the cut,
      ${grouped(total.afterHeader.nonCanonical.count)} because the tokenizer would not choose these
      ids. ${grouped(total.endsInWhitespace)} end in white space, which templates may trim.
    </p>
    ${
      basis === 'bytes' &&
      html`<p class="note">
        Without a local tokenizer only cuts inside characters are seen; the numbers are lower
        bounds.
      </p>`
    }
    ${
      failing.length > 0 &&
      html`<div class="scroll" tabindex="0" role="region" aria-label="Round trip by scenario">
        <table>
          <thead>
            <tr>
              <th scope="col">scenario</th>
              <th scope="col" class="number">cuts</th>
              <th scope="col" class="number">after the prompt</th>
              <th scope="col" class="number">95 %</th>
              <th scope="col" class="number">alone</th>
              <th scope="col">classes</th>
            </tr>
          </thead>
          <tbody>
            ${failing.slice(0, MOST_ROWS).map(
              ({ kind, cuts, alone, afterHeader }) =>
                html`<tr>
                  <th scope="row">${shortened(kind, 60)}</th>
                  <td class="number">${grouped(cuts)}</td>
                  <td class="number">${grouped(afterHeader.notIdempotent.count)}</td>
                  <td class="number">${percent(afterHeader.notIdempotent)}</td>
                  <td class="number">${grouped(alone.notIdempotent.count)}</td>
                  <td>
                    ${afterHeader.classes.map(({ class: name, count }) => `${name} ${grouped(count)}`).join(', ')}
                  </td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`
    }
    ${
      examples.length > 0 &&
      html`<ul>
        ${examples
          .slice(0, MOST_EXAMPLES)
          .map(
            ({ kind, class: name, kept, rest, encoded }) =>
              html`<li>
                ${shortened(kind, 60)}, ${name}: <code>${pieces(kept)}</code> before
                <code>${pieces(rest)}</code> encodes to <code>${pieces(encoded)}</code>
              </li>`,
          )}
      </ul>`
    }
    ${misfits.length > 0 && html`<p class="note">${plural(misfits.length, 'generation')} did not fit the local tokenizer and were not judged.</p>`}
    ${comparison(made)}
  </section>`;
}

function comparison({ comparison: made }: Tokenization): Html | undefined {
  if (made === undefined) return undefined;
  const { compared, differing, smallest } = made;
  if (differing === 0 || smallest === undefined)
    return html`<p>The local tokenizer encodes ${plural(compared, 'text')} as the server does.</p>`;
  return html`<p>
    The local tokenizer differs from the server's in ${grouped(differing)} of
    ${plural(compared, 'text')} (${smallest.kind}): after
    <code>${respaced(smallest.before)}</code> the server has
    <code>${pieces(smallest.server.pieces)}</code> (${smallest.server.ids.slice(0, 20).join(' ')}),
    the local one
    <code>${pieces(smallest.local.pieces)}</code> (${smallest.local.ids.slice(0, 20).join(' ')}).
  </p>`;
}

function pieces(list: readonly string[]): string {
  return respaced(shortened(list.join('│'), 120));
}

function percent({ low, high }: { readonly low: number; readonly high: number }): string {
  return `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)} %`;
}
