import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { example, manyFindings, poisoned, WORST } from '../hostile.test-help.ts';
import { htmlReport } from './html.ts';
import { SeamMap } from './seam-map.ts';
import type { CapturedChunk } from './timeline.ts';
import type { SeamLine } from '../record.ts';

const record = example('llama.cpp-b11549');
const page = htmlReport(record);

function sha256(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

const seam = (more: Partial<SeamLine>): SeamLine => ({
  scenario: 'go',
  k: 1,
  n: 10,
  phase: 'content',
  strategy: 'x',
  way: 'disconnect',
  verdict: 'exact',
  basis: [],
  ...more,
});

describe('the page', () => {
  test('may run and style itself with its one script and style alone', () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';
    const style = /<style>([^]*?)<\/style>/.exec(page)?.[1] ?? '';
    const script = /<script>([^]*?)<\/script>/.exec(page)?.[1] ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`style-src ${sha256(style)}`);
    expect(policy).toContain(`script-src ${sha256(script)}`);
    expect(policy).not.toContain('unsafe');
    expect(page).not.toMatch(/ (style|on\w+)="/);
    expect(page.match(/<(script|style|link|img|iframe|object|base|form)\b/g)).toEqual([
      '<style',
      '<script',
    ]);
  });

  test('holds the findings, the worst first, and every section', () => {
    const titles = record.findings.map((finding) => page.indexOf(finding.replay.command));
    expect(titles.every((at) => at > 0)).toBe(true);
    for (const id of ['matrix', 'findings', 'recipe', 'whitespace', 'round-trip', 'controls'])
      expect(page).toContain(`<h2 id="${id}">`);
    expect(page).toContain('resumes are sent cold');
    expect(page).toContain('9.5e-4 nat');
    expect(page).toContain(record.target.chatTemplateSha256);
  });

  test('of a run without findings says so', () => {
    const good = htmlReport({ ...record, findings: [] });
    expect(good).toContain('No findings in 1,381 seams');
    expect(good).not.toContain('<article');
  });

  test('shows cache and distribution where a record has them', () => {
    const rich = htmlReport({
      ...record,
      cache: [
        {
          strategy: 'reasoning-field',
          resumes: 40,
          discarded: 7,
          reused: { median: 0.93, min: 0.4 },
          warmFirstEventMs: 12.34,
        },
      ],
      whitespace: {
        ...record.whitespace,
        changes: [
          {
            where: 'before-close',
            wanted: '',
            got: '⏎',
            phase: 'content',
            strategy: 'reasoning-field',
            count: 504,
            distribution: {
              seams: 10,
              kl: { median: 0.25, max: 2.125 },
              tv: { median: 0.1, max: 0.5 },
            },
          },
        ],
      },
      roundTrip: { cuts: 100, notIdempotent: 7, byClass: { 'space-run': 7 } },
    });
    for (const text of ['93 %, 40 %', '12.3 ms', '0.2500, 2.1250', '0.100, 0.500', '(7 %)'])
      expect(rich).toContain(text);
  });
});

test('shows what a gateway did, field by field', () => {
  const counts = { exact: 0, drift: 0, diverged: 0, rejected: 0, unstable: 0, error: 0 };
  const place = { route: '/v1/chat/completions', arm: 'reasoning-field' };
  const gated = htmlReport({
    ...record,
    hops: {
      hops: [{ name: 'litellm', version: '1.<b>' }],
      engine: 'llama.cpp',
      cuts: 12,
      scenarios: 1,
      rows: [
        {
          ...place,
          hop: 'litellm',
          field: 'messages[-1].prefix',
          sent: 'true',
          change: 'dropped',
          detail: '',
          rendered: '',
          count: 12,
        },
      ],
      verdicts: [
        {
          ...place,
          direct: { ...counts, exact: 12 },
          proxied: { ...counts, diverged: 12 },
          oracle: 'ids',
          harmed: 12,
          putRight: 12,
          hop: 'litellm',
          cause: 'flags-dropped',
          causes: ['flags-dropped'],
          line: 'The gateway drops a field.',
        },
      ],
      notTested: ['streams'],
      errors: [],
    },
  });
  for (const text of ['litellm 1.&lt;b&gt;', 'exact 12', 'diverged 12', 'messages[-1].prefix'])
    expect(gated).toContain(text);
  expect(gated).toContain('flags-dropped');
  expect(gated).toContain('Not tested: streams');
  expect(page).not.toContain('id="gateways"');
});

describe('the size is bounded', () => {
  test('with a hundred thousand seams', () => {
    const seams = new SeamMap();
    for (let i = 0; i < 100_000; i++)
      seams.add(
        seam({
          scenario: `scenario ${i % 400}`,
          k: i % 251,
          n: 250,
          verdict: i % 7 === 0 ? 'diverged' : 'exact',
        }),
      );
    const large = htmlReport(record, { seams });
    expect(large).toContain('360 more are left out');
    expect(large.length).toBeLessThan(page.length + 1_000_000);
  });

  test('with thousands of findings, and says what is left out', () => {
    const large = htmlReport(manyFindings(record, 3000));
    expect(large.length).toBeLessThan(5_000_000);
    const articles = large.match(/<article/g)?.length ?? 0;
    expect(articles).toBeGreaterThan(10);
    expect(large).toContain(
      `${(3000 - articles).toLocaleString('en-US')} findings of 3000 are not`,
    );
    expect(large).toContain('2,500 more findings left out of the list');
  });

  test('with texts of megabytes', () => {
    const large = htmlReport(
      poisoned(record, () => WORST.repeat(60)),
      {
        captured: () =>
          Array.from({ length: 3000 }, (_, i): CapturedChunk => ({
            atMs: i,
            bytes: new TextEncoder().encode(`${WORST}\n`),
          })),
      },
    );
    expect(large.length).toBeLessThan(5_000_000);
  });
});

describe('the seam map', () => {
  test('shows the worst verdict of neighbouring cuts, and one strip a scenario and strategy', () => {
    const map = new SeamMap();
    for (let k = 0; k <= 1000; k++) map.add(seam({ k, n: 1000 }));
    map.add(seam({ k: 500, n: 1000, verdict: 'diverged' }));
    map.add(seam({ k: 500, n: 1000, verdict: 'drift' }));
    map.add(seam({ scenario: 'other', strategy: 'y' }));
    const { source = '' } = map.draw(undefined) ?? {};
    const strips = source.match(/<svg\s+class="strip"[^]*?<\/svg>/g) ?? [];
    expect(strips).toHaveLength(2);
    expect(strips[0]?.match(/class="v-exact"/g)).toHaveLength(119);
    expect(strips[0]?.match(/class="v-diverged"/g)).toHaveLength(1);
    expect(strips[0]).toContain('exact 1,001, drift 1, diverged 1');
  });

  test('is absent without seams', () => {
    expect(new SeamMap().draw(undefined)).toBeUndefined();
  });
});
