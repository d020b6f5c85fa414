/** A finding's tokens as a figure: the stitched sequence with its seam, and the first difference. */
import { differenceOf, type Stitched, type StitchedToken } from '../stitch.ts';
import { respaced, spelled } from './spelled.ts';
import { html, type Html } from './template.ts';

/** Tokens shown on each side of the seam and of the first difference. */
const AROUND = 14;

/** Characters of a piece at most. */
const LONGEST_PIECE = 32;

/** Tokens of the whole sequence at most. */
const MOST = 400;

/** The part of the sequence around the seam, and where it does not show all, the rest to unfold. */
export function sequence(stitched: Stitched, name: string): Html {
  const { wanted, after, at } = stitched;
  const seam = wanted.length;
  const all = [...wanted, ...after];
  const near = windows(all.length, at === undefined ? [seam] : [at, seam], AROUND);
  const mid = Math.min(at ?? seam, seam);
  const wide = windows(all.length, [mid, seam], MOST / 4);
  const draw = (parts: readonly Part[]): Html => tokens(all, parts, seam, at);
  const shown = near.reduce((sum, part) => sum + (part.to - part.from), 0);
  return html`<figure class="sequence">
    <figcaption>
      <span
        >The stitched sequence: what the model wrote up to the seam, and what it went on with.</span
      >
    </figcaption>
    ${draw(near)}
    ${
      shown < all.length &&
      html`<details>
        <summary>
          More of the sequence: ${all.length} tokens${all.length > MOST && ', in part'}
        </summary>
        <div role="group" aria-label="${`Longer stitched sequence of ${name}`}">${draw(wide)}</div>
      </details>`
    }
  </figure>`;
}

/** Tokens from one index up to another. */
interface Part {
  readonly from: number;
  readonly to: number;
}

/** Stretches around some places of a sequence; stretches that touch are one. */
function windows(length: number, centers: readonly number[], radius: number): Part[] {
  const parts: { from: number; to: number }[] = [];
  for (const center of centers.toSorted((a, b) => a - b)) {
    const from = Math.max(0, center - radius);
    const to = Math.min(length, center + radius);
    const last = parts.at(-1);
    if (last !== undefined && from <= last.to + 2) last.to = Math.max(last.to, to);
    else if (to > from) parts.push({ from, to });
  }
  const first = parts[0];
  if (first !== undefined && first.from <= 2) first.from = 0;
  return parts;
}

/** Tokens of one phase that follow each other; a seam and a gap end a run. */
interface Run {
  readonly phase: string;
  readonly tokens: Html[];
}

function tokens(
  all: readonly StitchedToken[],
  parts: readonly Part[],
  seam: number,
  at: number | undefined,
): Html {
  const items: Html[] = [];
  let run: Run | undefined;
  const close = (): void => {
    if (run !== undefined)
      items.push(
        html`<li class="run ${run.phase}">
          <span class="run-name">${run.phase}</span>${run.tokens}
        </li>`,
      );
    run = undefined;
  };
  let before = 0;
  const skip = (count: number): void => {
    close();
    if (count > 0) items.push(html`<li class="gap">… ${count} tokens …</li>`);
  };
  for (const { from, to } of parts) {
    skip(from - before);
    for (let i = from; i < to; i++) {
      if (i === seam) {
        close();
        items.push(SEAM);
      }
      const token = all[i];
      if (token === undefined) continue;
      const phase = token.phase ?? 'unknown';
      if (run?.phase !== phase) {
        close();
        run = { phase, tokens: [] };
      }
      run.tokens.push(chip(token, i === at && i < seam ? 'differs' : undefined));
    }
    before = to;
  }
  close();
  if (seam >= all.length) items.push(SEAM);
  skip(all.length - before);
  return html`<ol class="tokens">
    ${items}
  </ol>`;
}

const SEAM: Html = html`<li class="seam"><span>seam</span></li>`;

/** A token: its piece over its id. */
export function chip(token: StitchedToken, mark?: 'differs'): Html {
  const piece =
    token.piece === undefined
      ? html`<span class="piece unknown-piece">?</span>`
      : html`<span class="piece"
          >${token.piece === '' ? '∅' : respaced(shortPiece(token.piece))}</span
        >`;
  const flag = mark !== undefined && html`<span class="flag">first difference</span>`;
  return html`<span class="token ${mark ?? ''}"
    >${flag}${piece} <span class="id">${token.id}</span></span
  >`;
}

function shortPiece(piece: string): string {
  return piece.length <= LONGEST_PIECE ? piece : `${piece.slice(0, LONGEST_PIECE)}…`;
}

/** The first difference, wanted above got, token under token. */
export function difference(stitched: Stitched, name: string): Html | undefined {
  const found = differenceOf(stitched, { before: 4 });
  if (found === undefined) return undefined;
  const row = (which: 'wanted' | 'got', label: string): Html =>
    html`<tr>
      <th scope="row">${label}</th>
      ${found.columns.map(({ same, [which]: token }) => {
        const kind = same ? 'same' : token === undefined ? 'none' : which;
        return html`<td class="${kind}">
          ${token === undefined ? html`<span class="nothing">nothing</span>` : chip(token)}
        </td>`;
      })}
    </tr>`;
  return html`<p class="note">
      The first difference, at index ${stitched.at ?? 0} of the resumed prompt.
      ${found.leftOut > 0 && html`${found.leftOut} more differing tokens are left out.`}
      ${found.again && 'The two differ again later.'}
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="${`First difference of ${name}`}">
      <table class="difference">
        <thead>
          <tr>
            <th scope="col"><span class="hidden">Sequence</span></th>
            ${found.columns.map(
              ({ index, same }) =>
                html`<th scope="col" class="${same ? '' : 'differs'}">
                  ${index}${!same && html` <span aria-hidden="true">≠</span><span class="hidden">differs</span>`}
                </th>`,
            )}
          </tr>
        </thead>
        <tbody>
          ${row('wanted', 'wanted')}${row('got', 'got')}
        </tbody>
      </table>
    </div>`;
}

/** Two texts with what differs between them marked; equal beginnings and ends are cut short. */
export function textDifference(expected: string, actual: string): Html {
  const [from, end] = sharedEnds(expected, actual);
  const half = (text: string, label: string, kind: string): Html => {
    const to = text.length - end;
    const head = text.slice(Math.max(0, from - 60), from);
    const tail = text.slice(to, to + 30);
    const middle = text.slice(from, to);
    const cut = middle.length > 600;
    return html`<div class="${kind}">
      <dt>${label}</dt>
      <dd>
        <code
          >${from > 60 && '…'}${spelled(head)}<mark>${middle === '' ? '∅' : spelled(middle.slice(0, 600))}</mark>${cut && `… ${middle.length - 600} more characters …`}${spelled(tail)}${end > 30 && '…'}</code
        >
      </dd>
    </div>`;
  };
  return html`<dl class="texts">
    ${half(expected, 'wanted', 'wanted')}${half(actual, 'got', 'got')}
  </dl>`;
}

/** Lengths of the beginning and the end that two texts share, never inside a character. */
function sharedEnds(a: string, b: string): [number, number] {
  const shortest = Math.min(a.length, b.length);
  let from = 0;
  while (from < shortest && a[from] === b[from]) from++;
  if (from > 0 && /[\uD800-\uDBFF]/.test(a.charAt(from - 1))) from--;
  let end = 0;
  while (end < shortest - from && a.at(-1 - end) === b.at(-1 - end)) end++;
  if (end > 0 && /[\uDC00-\uDFFF]/.test(a.charAt(a.length - end))) end--;
  return [from, end];
}
