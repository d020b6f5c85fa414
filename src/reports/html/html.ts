/**
 * The HTML report: one file that needs nothing else. Its policy lets it load nothing and run only
 * its own script; all text of models and servers is escaped. Its size is bounded however large the
 * run, and what was left out is said.
 */
import { createHash } from 'node:crypto';
import { VERDICTS } from '../../checks/verdict.ts';
import { findingArticle } from './finding.ts';
import { gateways } from './hops.ts';
import { SCRIPT } from './script.ts';
import { tokenization } from './tokenization.ts';
import { about, cache, controls, missing, recipe, roundTrip, whitespace } from './sections.ts';
import type { SeamMap } from './seam-map.ts';
import { STYLE } from './style.ts';
import { index, matrix, summary } from './summary.ts';
import { escapeHtml, html, shortened, type Html } from './template.ts';
import type { CapturedChunk } from './timeline.ts';
import { engineOf, plural, verdictLine, worstFirst } from '../matrix.ts';
import type { Finding, RunRecord } from '../record.ts';
import { vocabularyOf } from '../stitch.ts';

/** Characters of all findings' articles together; those beyond are in the list alone. */
const MOST_ARTICLES = 4_000_000;

/** Findings in the list at most. */
const MOST_LISTED = 500;

/** What a run's folder holds beside its record. */
export interface HtmlExtras {
  /** The seams of the journal; undefined where there is none. */
  readonly seams?: SeamMap | undefined;
  /** What to say about a journal that could not be read whole. */
  readonly note?: string | undefined;
  /** The captured stream of a finding; empty where none was kept. */
  readonly captured?: (id: string) => readonly CapturedChunk[];
}

export function htmlReport(record: RunRecord, extras: HtmlExtras = {}): string {
  const sorted = worstFirst(record.findings);
  const articles = articlesOf(sorted, extras.captured ?? (() => []));
  const body = html`<a class="skip" href="#content">Skip to the report</a>
    <main id="content" tabindex="-1">
      ${summary(record)} ${matrix(record)} ${extras.seams?.draw(extras.note)}
      ${findings(sorted, articles)} ${recipe(record)} ${whitespace(record)} ${roundTrip(record)}
      ${tokenization(record)} ${cache(record)} ${gateways(record)} ${controls(record)}
      ${missing(record)} ${about(record)}
    </main>
    <footer>
      <p>
        Made by seamstress from the run’s record alone. Text of models and servers is shown with
        visible whitespace: ␣ space, ⏎ line break, ⇥ tab, ‹…› anything hidden.
      </p>
    </footer>`;
  return page(`${engineOf(record)}: ${verdictLine(record)}`, body);
}

function articlesOf(
  sorted: readonly Finding[],
  captured: (id: string) => readonly CapturedChunk[],
): Html[] {
  const vocabulary = vocabularyOf(sorted);
  const articles: Html[] = [];
  let size = 0;
  for (const [i, finding] of sorted.entries()) {
    const article = findingArticle(finding, i + 1, vocabulary, captured(finding.id));
    size += article.source.length;
    if (size > MOST_ARTICLES) break;
    articles.push(article);
  }
  return articles;
}

function findings(sorted: readonly Finding[], articles: readonly Html[]): Html {
  if (sorted.length === 0)
    return html`<section aria-labelledby="findings">
      <h2 id="findings">Findings</h2>
      <p>None.</p>
    </section>`;
  const seen = VERDICTS.filter((verdict) => sorted.some((finding) => finding.verdict === verdict));
  const short = sorted.length - articles.length;
  return html`<section aria-labelledby="findings">
    <h2 id="findings">Findings</h2>
    <div class="tools" role="search" data-script hidden aria-label="Filter the findings">
      <label class="search">Search <input id="search" type="search" autocomplete="off" /></label>
      <fieldset>
        <legend class="hidden">Verdicts</legend>
        ${seen.map(
          (verdict) =>
            html`<label
              ><input type="checkbox" name="verdict" value="${verdict}" checked /> ${verdict}</label
            >`,
        )}
      </fieldset>
      <button type="button" id="unfold">Unfold all</button>
      <button type="button" id="fold">Fold all</button>
    </div>
    <p id="status" role="status" class="note"></p>
    ${index(sorted.slice(0, MOST_LISTED), articles.length)}
    ${sorted.length > MOST_LISTED && html`<p class="note">${plural(sorted.length - MOST_LISTED, 'more finding')} left out of the list.</p>`}
    ${short > 0 && html`<p class="warning">To keep this page small, ${plural(short, 'finding')} of ${sorted.length} ${short === 1 ? 'is' : 'are'} not shown in detail: see <code>findings/</code> in the run’s folder.</p>`}
    ${articles}
  </section>`;
}

/** The whole document; its policy names the hashes of its one style and one script. */
export function page(title: string, body: Html): string {
  const policy = [
    "default-src 'none'",
    `style-src '${hashOf(STYLE)}'`,
    `script-src '${hashOf(SCRIPT)}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="referrer" content="no-referrer">',
    '<meta name="generator" content="seamstress">',
    `<title>${escapeHtml(shortened(title, 200))}</title>`,
    // Not a space more within these two: the policy names their hashes.
    `<style>${STYLE}</style>`,
    '</head>',
    '<body>',
    body.source,
    `<script>${SCRIPT}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
