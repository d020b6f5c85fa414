/** Real records, and the same with text in them that means harm. */
import { join } from 'node:path';
import * as fc from 'fast-check';
import { readRun } from './emit/source.ts';
import type { HopRow, HopsReport, HopVerdict } from './hops.ts';
import type { Finding, RunRecord } from './record.ts';

/** Runs of version 1 against real engines. */
export const EXAMPLES: string = join(import.meta.dirname, '../../test/records');

export const EXAMPLE_NAMES = ['llama.cpp-b11549', 'llama.cpp-b8929'] as const;

const read = new Map<string, RunRecord>();

export function example(name: (typeof EXAMPLE_NAMES)[number]): RunRecord {
  const record = read.get(name) ?? readRun(join(EXAMPLES, name)).record;
  read.set(name, record);
  return record;
}

/** A word that a hostile text is known by, whatever it stands in. */
export const CANARY = 'xCANARYx';

const NASTY = [
  '<script>window.pwned=1</script>',
  '"><img src=x onerror="window.pwned=1">',
  "' onmouseover='window.pwned=1",
  '</style><style>*{display:none}</style>',
  '</code></pre></details></summary></table>',
  '<!-- ',
  ' -->',
  '--!>',
  ']]>',
  '<![CDATA[',
  '<?xml version="1.0"?>',
  '&lt;b&gt; &amp; &#0; &bogus;',
  '@octocat @org/team',
  '![x](https://example.com/x.png)',
  '[x](javascript:window.pwned=1)',
  'https://example.com/a www.example.com a@example.com',
  '#1 GH-2 octo/cat#3 0123456789abcdef0123456789abcdef01234567',
  '`',
  '``',
  '```',
  '````\n',
  '~~~',
  '\n# heading\n',
  '\n---\n',
  '\n- [ ] task',
  '> quote',
  '|',
  String.raw`\|`,
  String.raw`\\`,
  '*b* _i_ ~~s~~',
  '\n::error::injected',
  '\r::set-output name=x::y',
  '::stop-commands::x',
  '%0A::error::x',
  '\u0000',
  '\u0007',
  '\u001B[31m',
  '\u001B]0;title\u0007',
  '\u0085',
  '\u009B31m',
  '\u202E',
  '\u2066',
  '\u200B',
  '\u200D',
  '\uFEFF',
  '\u2028',
  '\u00AD',
  '\u{E0041}',
  '\uD800',
  '\uDFFF',
  '\uFFFE',
  '\uFFFF',
  '\u{1FFFE}',
  '\r\n',
  '\t',
  ' ',
  '\u00A0',
  '$(touch pwned)',
  '{{7*7}}',
  '__proto__',
  CANARY,
];

/** Text that tries to get out of wherever it is put. */
export const nasty: fc.Arbitrary<string> = fc
  .array(
    fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...NASTY) }, fc.string({ unit: 'binary' })),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((parts) => parts.join(''));

/** All of it at once. */
export const WORST: string = NASTY.join('');

/** A record with hostile text wherever a record holds text that is free. */
export function poisoned(record: RunRecord, text: () => string): RunRecord {
  const keyed = (counts: Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(Object.values(counts).map((count, i) => [`${text()}${i}`, count]));
  const target = poisonedTarget(record.target, text);
  return {
    ...record,
    tool: { name: text(), version: text() },
    startedAt: text(),
    finishedAt: text(),
    target,
    plan: { ...record.plan, strategies: [text()], scenarios: [text(), text()] },
    totals: {
      ...record.totals,
      matrix: record.totals.matrix.map((cell) => ({ ...cell, strategy: text() })),
    },
    roundTrip: { ...record.roundTrip, byClass: { [text()]: 3 } },
    whitespace: {
      ...record.whitespace,
      drifted: 3,
      byChange: keyed({ a: 1, ...record.whitespace.byChange }),
      changes: [
        {
          where: 'seam',
          wanted: text(),
          got: text(),
          phase: 'content',
          strategy: text(),
          count: 3,
        },
      ],
    },
    cache: [{ strategy: text(), resumes: 3, discarded: 1 }],
    hops: poisonedHops(text),
    recipe: {
      matrix: record.recipe.matrix.map((score) => ({ ...score, recipe: text() })),
      byPhase: record.recipe.byPhase.map((score) => ({ ...score, recipe: text() })),
      everywhere: record.recipe.everywhere.map((score) => ({ ...score, recipe: text() })),
    },
    notTested: [{ what: text(), why: text() }],
    errors: [text()],
    findings: record.findings.map((finding) => poisonedFinding(finding, target, text)),
  };
}

/** What gateways did; one harmed some resumes, another did not. */
export function poisonedHops(text: () => string): HopsReport {
  const counts = { exact: 1, drift: 0, diverged: 2, rejected: 0, unstable: 0, error: 0 };
  const row = (route: string, arm: string): HopRow => ({
    hop: text(),
    route,
    arm,
    field: text(),
    sent: text(),
    change: 'dropped',
    detail: text(),
    rendered: text(),
    count: 2,
  });
  const verdict = (route: string, arm: string): HopVerdict => ({
    route,
    arm,
    direct: { ...counts, exact: 3, diverged: 0 },
    proxied: counts,
    oracle: 'count',
    harmed: 2,
    putRight: 1,
    hop: text(),
    cause: 'flags-dropped',
    causes: ['flags-dropped', 'text-trimmed'],
    line: text(),
    example: {
      scenario: text(),
      k: 3,
      sent: { path: text(), body: { [text()]: text() } },
      forwarded: { path: text(), body: text() },
      wanted: text(),
      rendered: text(),
    },
  });
  const [route, arm] = [text(), text()];
  return {
    hops: [{ name: text(), version: text() }],
    engine: text(),
    cuts: 3,
    scenarios: 1,
    rows: [row(route, arm), { ...row(route, arm), sent: undefined, forwarded: text() }],
    verdicts: [
      verdict(route, arm),
      { ...verdict(text(), text()), harmed: 0, hop: undefined, cause: undefined },
    ],
    notTested: [text()],
    errors: [text()],
    unreached: 2,
  };
}

function poisonedTarget(target: RunRecord['target'], text: () => string): RunRecord['target'] {
  return {
    ...target,
    dialect: text(),
    url: text(),
    model: text(),
    engine: { name: text(), version: text(), build: text() },
    chatTemplateSha256: text(),
    tokenizerSha256: text(),
    hops: [text()],
    faults: [text()],
  };
}

function poisonedFinding(
  finding: Finding,
  target: RunRecord['target'],
  text: () => string,
): Finding {
  const { minimal } = finding;
  return {
    ...finding,
    detail: text(),
    strategy: text(),
    where: finding.where.map((place) => ({ ...place, strategy: text() })),
    scenarios: [text()],
    summary: text(),
    target,
    replay: { command: text(), curl: [text(), text()] },
    fuzz: { seed: 1, path: text() },
    minimal: {
      ...minimal,
      scenario: { ...minimal.scenario, id: text(), title: text() },
      view: {
        reasoning: text(),
        content: text(),
        toolCalls: [{ id: text(), name: text(), arguments: text() }],
      },
      expected: { ...minimal.expected, text: text() },
      actual: { ...minimal.actual, text: text() },
      generation: {
        ...minimal.generation,
        promptText: text(),
        tokens: minimal.generation.tokens.map((token) => ({
          ...token,
          bytes: Buffer.from(text()).toString('base64'),
        })),
      },
      requests: [{ method: 'POST', url: text(), body: { [text()]: text() } }],
    },
  };
}

/** What a hostile record is made of; drawn apart from it, so that a counterexample can be read. */
export interface Hostility {
  readonly name: (typeof EXAMPLE_NAMES)[number];
  readonly texts: readonly string[];
}

export const hostility: fc.Arbitrary<Hostility> = fc.record({
  name: fc.constantFrom(...EXAMPLE_NAMES),
  texts: fc.array(nasty, { minLength: 3, maxLength: 12 }),
});

export function hostileRecord({ name, texts }: Hostility): RunRecord {
  let next = 0;
  return poisoned(example(name), () => texts[next++ % texts.length] ?? '');
}

/** A record with many findings: copies of real ones. */
export function manyFindings(record: RunRecord, count: number): RunRecord {
  return {
    ...record,
    findings: Array.from({ length: count }, (_, i) => {
      const finding = record.findings[i % record.findings.length];
      if (finding === undefined) throw new Error('the record has no finding');
      return { ...finding, id: `${finding.cause}-${i}`, count: count - i };
    }),
  };
}
