/** The sections behind the findings: controls, recipe, whitespace, round trips, cache, what is missing, and the run itself. */
import { EDITS } from '../../seam/edits.ts';
import { tauWords } from '../controls.ts';
import { grouped, nats, percent, plural } from '../matrix.ts';
import type { RecipeScore, RunRecord } from '../record.ts';
import { bar, barTable } from './chart.ts';
import { respaced, spelled } from './spelled.ts';
import { html, shortened, type Html } from './template.ts';

/** Rows of a table at most. */
const MOST_ROWS = 40;

/** Controls and the noise floor: whether the findings can be believed. */
export function controls(record: RunRecord): Html {
  const { repeats, repeatDisagreements, tokenControl, realCuts } = record.controls;
  return html`<section aria-labelledby="controls">
    <h2 id="controls">Controls and the noise floor</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Controls">
      <table>
        <thead>
          <tr>
            <th scope="col">control</th>
            <th scope="col" class="number">result</th>
            <th scope="col">what it means</th>
          </tr>
        </thead>
        <tbody>
          ${controlRow('repeat', repeats - repeatDisagreements, repeats, 'uninterrupted runs, cold and warm, that gave the same tokens again')}
          ${controlRow('token ids', tokenControl.exact, tokenControl.tried, 'cuts resumed by their ids that went on exactly: where this fails it is numerics, not the seam')}
          ${controlRow('real cuts', realCuts.asDerived, realCuts.tried, 'cuts really made that left a client with the text derived from the uninterrupted run')}
          <tr>
            <th scope="row">noise floor τ</th>
            <td class="number">${tauWords(record)}</td>
            <td>
              twice the largest change of a log-probability between repeats; a flip between
              candidates closer than this proves nothing
            </td>
          </tr>
        </tbody>
      </table>
    </div>
  </section>`;
}

function controlRow(name: string, good: number, all: number, what: string): Html {
  return html`<tr>
    <th scope="row">${name}</th>
    <td class="number">${all === 0 ? 'not made' : `${grouped(good)} of ${grouped(all)}`}</td>
    <td>${all > 0 && html`<span aria-hidden="true">${good === all ? '✓' : '≠'}</span> `}${what}</td>
  </tr>`;
}

/** The ways of resuming that are exact. */
export function recipe({ recipe: { byPhase, everywhere, matrix } }: RunRecord): Html | undefined {
  if (byPhase.length === 0 && matrix.length === 0) return undefined;
  const names = [...new Set(matrix.map((score) => score.recipe))];
  const phases = [...new Set(matrix.map((score) => score.phase))];
  const scores = new Map(matrix.map((score) => [`${score.phase} ${score.recipe}`, score]));
  const share = (name: string): number => {
    const own = matrix.filter((score) => score.recipe === name);
    return own.reduce((sum, { exact, tried }) => sum + (tried === 0 ? 0 : exact / tried), 0);
  };
  const best = names
    .map((name) => ({ name, total: share(name) }))
    .toSorted((a, b) => b.total - a.total);
  const whole = everywhere.every(({ exact, tried }) => exact === tried);
  return html`<section aria-labelledby="recipe">
    <h2 id="recipe">The way that would have been exact</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Recipe of each phase">
      <table>
        <caption>
          The best recipe of each phase, at every cut
        </caption>
        <thead>
          <tr>
            <th scope="col">phase</th>
            <th scope="col">recipe</th>
            <th scope="col" class="number">exact</th>
            <th scope="col"><span class="hidden">Chart</span></th>
          </tr>
        </thead>
        <tbody>
          ${byPhase.slice(0, MOST_ROWS).map(
            ({ phase, recipe: name, exact, tried }) =>
              html`<tr>
                <th scope="row">${phase}</th>
                <td>${exact < tried && 'none; nearest '}<code>${shortened(name, 160)}</code></td>
                <td class="number">${grouped(exact)} of ${grouped(tried)}</td>
                <td class="chart">${bar(tried === 0 ? 0 : exact / tried, 'v-exact')}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${
      everywhere[0] !== undefined &&
      html`<p>
        ${whole ? 'Exact everywhere' : 'Nearest everywhere'}:
        <code>${shortened(everywhere[0].recipe, 200)}</code>
        (${everywhere
          .slice(0, 8)
          .map(({ phase, exact, tried }) => `${phase} ${exact}/${tried}`)
          .join(', ')}).
      </p>`
    }
    ${edits([...byPhase, ...everywhere])}
    ${
      names.length > 1 &&
      html`<details>
        <summary>All recipes that were tried, at a sample of cuts</summary>
        <div class="scroll" tabindex="0" role="region" aria-label="Recipes that were tried">
          <table class="heat">
            <thead>
              <tr>
                <th scope="col">recipe</th>
                ${phases.map((phase) => html`<th scope="col" class="number">${phase}</th>`)}
              </tr>
            </thead>
            <tbody>
              ${best.slice(0, MOST_ROWS).map(
                ({ name }) =>
                  html`<tr>
                    <th scope="row"><code>${shortened(name, 160)}</code></th>
                    ${phases.map((phase) => heat(scores.get(`${phase} ${name}`)))}
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>
        ${best.length > MOST_ROWS && html`<p class="note">The best ${MOST_ROWS} recipes; ${best.length - MOST_ROWS} more are left out.</p>`}
      </details>`
    }
  </section>`;
}

function heat(score: RecipeScore | undefined): Html {
  if (score === undefined || score.tried === 0) return html`<td class="number empty">–</td>`;
  const step = score.exact === score.tried ? 4 : Math.floor((4 * score.exact) / score.tried);
  return html`<td class="number h${step}">${percent(score.exact, score.tried)}</td>`;
}

function edits(scores: readonly RecipeScore[]): Html | undefined {
  const names = new Set(scores.flatMap((score) => score.recipe.split('/').slice(1)));
  const used = EDITS.filter((edit) => names.has(edit.name));
  return used.length === 0
    ? undefined
    : html`<dl class="edits">
        ${used.map(
          ({ name, describe }) =>
            html`<div>
              <dt><code>${name}</code></dt>
              <dd>${describe}</dd>
            </div>`,
        )}
      </dl>`;
}

/** Whitespace that a resume changes, and what that does to the distribution of the next token. */
export function whitespace({ whitespace: found }: RunRecord): Html | undefined {
  if (found.drifted === 0) return undefined;
  const changes = found.changes.toSorted((a, b) => b.count - a.count);
  const kinds = Object.entries(found.byChange).toSorted(([, a], [, b]) => b - a);
  return html`<section aria-labelledby="whitespace">
    <h2 id="whitespace">Whitespace</h2>
    <p>${plural(found.drifted, 'seam')} with other whitespace than the model wrote.</p>
    ${barTable(
      'Changes of whitespace',
      ['wanted → got', 'seams'],
      kinds.slice(0, MOST_ROWS).map(([change, count]) => ({
        label: html`<code>${respaced(shortened(change, 60))}</code>`,
        count,
      })),
    )}
    ${kinds.length > MOST_ROWS && html`<p class="note">${kinds.length - MOST_ROWS} more changes are left out.</p>`}
    ${
      changes.length > 0 &&
      html`<div class="scroll" tabindex="0" role="region" aria-label="Whitespace by place">
          <table>
            <caption>
              By place, and what it does to the next token, against the token control
            </caption>
            <thead>
              <tr>
                <th scope="col">place</th>
                <th scope="col">wanted</th>
                <th scope="col">got</th>
                <th scope="col">phase</th>
                <th scope="col">strategy</th>
                <th scope="col" class="number">seams</th>
                <th scope="col" class="number">KL, median and most (nat)</th>
                <th scope="col" class="number">total variation</th>
              </tr>
            </thead>
            <tbody>
              ${changes.slice(0, MOST_ROWS).map(
                ({ where, wanted, got, phase, strategy, count, distribution }) =>
                  html`<tr>
                    <th scope="row">${where}</th>
                    <td><code>${glyphs(wanted)}</code></td>
                    <td><code>${glyphs(got)}</code></td>
                    <td>${phase}</td>
                    <td>${shortened(strategy, 80)}</td>
                    <td class="number">${grouped(count)}</td>
                    <td class="number">
                      ${distribution === undefined ? '–' : `${nats(distribution.kl.median)}, ${nats(distribution.kl.max)}`}
                    </td>
                    <td class="number">
                      ${distribution === undefined ? '–' : `${distribution.tv.median.toFixed(3)}, ${distribution.tv.max.toFixed(3)}`}
                    </td>
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>
        ${changes.length > MOST_ROWS && html`<p class="note">${changes.length - MOST_ROWS} more rows are left out.</p>`}`
    }
  </section>`;
}

function glyphs(text: string): string {
  return text === '' ? '∅' : respaced(shortened(text, 60));
}

/** Cuts at which the text does not encode back into its own tokens. */
export function roundTrip({ roundTrip: made }: RunRecord): Html {
  const classes = Object.entries(made.byClass).toSorted(([, a], [, b]) => b - a);
  return html`<section aria-labelledby="round-trip">
    <h2 id="round-trip">Tokenizer idempotence</h2>
    ${
      made.cuts === 0
        ? html`<p>Not measured: no local tokenizer and no cut whose text was encoded again.</p>`
        : html`<p>
            ${grouped(made.notIdempotent)} of ${grouped(made.cuts)} cuts
            (${percent(made.notIdempotent, made.cuts)}) hold a text that does not encode back into
            the tokens that the model wrote.
          </p>`
    }
    ${
      classes.length > 0 &&
      barTable(
        'Classes of difference',
        ['class', 'cuts'],
        classes
          .slice(0, MOST_ROWS)
          .map(([label, count]) => ({ label: shortened(label, 80), count })),
      )
    }
  </section>`;
}

/** How resumes used the server's prompt cache. */
export function cache({ cache: rows }: RunRecord): Html | undefined {
  if (rows.length === 0) return undefined;
  return html`<section aria-labelledby="cache">
    <h2 id="cache">Prompt cache</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Use of the prompt cache">
      <table>
        <thead>
          <tr>
            <th scope="col">strategy</th>
            <th scope="col" class="number">warm resumes</th>
            <th scope="col" class="number">cache lost</th>
            <th scope="col" class="number">reused, median and least</th>
            <th scope="col" class="number">reused by ids</th>
            <th scope="col" class="number">first event warm</th>
            <th scope="col" class="number">first event cold</th>
          </tr>
        </thead>
        <tbody>
          ${rows.slice(0, MOST_ROWS).map(
            ({ strategy, resumes, discarded, reused, possible, ...times }) =>
              html`<tr>
                <th scope="row">${shortened(strategy, 80)}</th>
                <td class="number">${grouped(resumes)}</td>
                <td class="number">${grouped(discarded)}</td>
                <td class="number">
                  ${reused === undefined ? 'not told' : `${(100 * reused.median).toFixed(0)} %, ${(100 * reused.min).toFixed(0)} %`}
                </td>
                <td class="number">
                  ${possible === undefined ? 'not told' : `${(100 * possible).toFixed(0)} %`}
                </td>
                <td class="number">${time(times.warmFirstEventMs)}</td>
                <td class="number">${time(times.coldFirstEventMs)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${rows.length > MOST_ROWS && html`<p class="note">${rows.length - MOST_ROWS} more strategies are left out.</p>`}
  </section>`;
}

function time(value: number | undefined): string {
  return value === undefined ? '–' : `${value.toFixed(1)} ms`;
}

/** What was not tested, and what went wrong. */
export function missing({ notTested, errors }: RunRecord): Html {
  return html`<section aria-labelledby="not-tested">
      <h2 id="not-tested">Not tested</h2>
      ${notTested.length === 0 && html`<p>Everything that was planned was tested.</p>`}
      <ul>
        ${notTested
          .slice(0, MOST_ROWS)
          .map(
            ({ what, why, count }) =>
              html`<li>
                ${count !== undefined && `${grouped(count)} `}${shortened(what, 300)}:
                ${shortened(why, 600)}
              </li>`,
          )}
      </ul>
      ${notTested.length > MOST_ROWS && html`<p class="note">${notTested.length - MOST_ROWS} more are left out.</p>`}
    </section>
    ${
      errors.length > 0 &&
      html`<section aria-labelledby="errors">
        <h2 id="errors">Errors</h2>
        <ul>
          ${errors.slice(0, MOST_ROWS).map((error) => html`<li><code>${spelled(shortened(error, 600))}</code></li>`)}
        </ul>
        ${errors.length > MOST_ROWS && html`<p class="note">${errors.length - MOST_ROWS} more are left out.</p>`}
      </section>`
    }`;
}

/** How the ids of a prompt are known, where the record tells. */
function strengthOf({ target }: RunRecord): [string, string][] {
  return target.strength === undefined ? [] : [['how the ids are known', target.strength.says]];
}

/** What it takes to make the run again. */
export function about(record: RunRecord): Html {
  const { target, plan, totals, tool } = record;
  const rows: [string, string | undefined][] = [
    [
      'engine',
      [target.engine.name, target.engine.version, target.engine.build].filter(Boolean).join(' '),
    ],
    ['model', target.model],
    ['dialect', target.dialect],
    ['address', target.url],
    ...strengthOf(record),
    ['gateways', target.hops.length === 0 ? 'none' : target.hops.join(' → ')],
    ['chat template, SHA-256', target.chatTemplateSha256],
    ['tokenizer, SHA-256', target.tokenizerSha256],
    ['mode', plan.mode],
    ['seed', String(plan.seed)],
    ['tokens compared after a cut', String(plan.compare)],
    ['strategies', plan.strategies.join(', ')],
    ['scenarios', plan.scenarios.join(', ')],
    ['seams planned', grouped(plan.seams)],
    ['requests', grouped(totals.requests)],
    ['prompt tokens', grouped(totals.promptTokens)],
    ['tokens generated', grouped(totals.generatedTokens)],
    ['started', record.startedAt],
    ['finished', record.finishedAt],
    ['tool', `${tool.name} ${tool.version}, record version ${record.schemaVersion}`],
  ];
  return html`<section aria-labelledby="about">
    <h2 id="about">The run</h2>
    <dl class="about">
      ${rows.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${shortened(value ?? 'not known', 1500)}</dd>
          </div>`,
      )}
    </dl>
  </section>`;
}
