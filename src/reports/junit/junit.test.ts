import * as fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { expect, test } from 'vitest';
import {
  example,
  hostileRecord,
  hostility,
  manyFindings,
  poisoned,
  poisonedHops,
  WORST,
} from '../hostile.test-help.ts';
import { junitReport } from './junit.ts';

const record = example('llama.cpp-b11549');

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly parent: Element | undefined;
  text: string;
}

/** All elements in order; throws where it is no well-formed XML 1.0. */
function parse(xml: string): Element[] {
  const parser = new SaxesParser();
  const elements: Element[] = [];
  let open: Element | undefined;
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    open = { name, attributes, parent: open, text: '' };
    elements.push(open);
  });
  parser.on('text', (text) => {
    if (open !== undefined) open.text += text;
  });
  parser.on('closetag', () => {
    open = open?.parent;
  });
  parser.write(xml).close();
  return elements;
}

function expectCounted(elements: readonly Element[]): void {
  const cases = elements.filter((element) => element.name === 'testcase');
  const holding = (name: string): number =>
    new Set(elements.filter((element) => element.name === name).map((element) => element.parent))
      .size;
  for (const suite of elements.filter(({ name }) => name === 'testsuite' || name === 'testsuites'))
    expect(suite.attributes).toMatchObject({
      tests: String(cases.length),
      failures: String(holding('failure')),
      errors: String(holding('error')),
      skipped: String(holding('skipped')),
    });
}

test('a real run: a case a phase and strategy, a failure a finding, skipped what was not tested', () => {
  const elements = parse(junitReport(record));
  expectCounted(elements);
  const cases = elements.filter((element) => element.name === 'testcase');
  expect(cases.map(({ attributes }) => [attributes['classname'], attributes['name']])).toEqual([
    ...record.totals.matrix.map(({ phase, strategy }) => [`llama.cpp b11549.${strategy}`, phase]),
    ['llama.cpp b11549.not tested', 'resumes from a warm cache'],
  ]);
  const failures = elements.filter((element) => element.name === 'failure');
  expect(
    failures.map(({ attributes, parent }) => [parent?.attributes['name'], attributes['type']]),
  ).toEqual([
    ['opening', 'diverged.header-missing'],
    ['reasoning', 'diverged.space-run'],
    ['content', 'diverged.separator-rebuilt'],
    ['content', 'diverged.header-missing'],
    ['tool-call', 'rejected.tool-call-refused'],
  ]);
  expect(failures[2]?.text).toContain('got “⏎”');
  expect(failures[2]?.text).toContain('Reproduce: seamstress replay ');
});

test('a way through a gateway is a case with its verdict, what was not tested of it is skipped', () => {
  const hops = poisonedHops(() => 'x');
  const elements = parse(
    junitReport({
      ...record,
      hops: { ...hops, errors: [], notTested: ['/v1/messages straight: 404', 'streams'] },
    }),
  );
  expectCounted(elements);
  const cases = elements.filter(
    ({ name, attributes }) => name === 'testcase' && attributes['classname']?.endsWith('via x x'),
  );
  expect(cases.map(({ attributes }) => attributes['name'])).toEqual(['x x', 'x x']);
  const inside = (name: string): Element[] =>
    elements.filter(
      (element) => element.name === name && cases.includes(element.parent as Element),
    );
  const failures = inside('failure');
  expect(failures).toHaveLength(1);
  expect(failures[0]?.parent).toBe(cases[0]);
  expect(failures[0]?.attributes['type']).toBe('gateway.flags-dropped');
  expect(failures[0]?.text).toContain('x: x → – (dropped: x); in the prompt: x');
  expect(inside('system-out')[1]?.text).toContain('through the gateway: exact 1, diverged 2');
  const skipped = elements
    .filter(({ name }) => name === 'skipped')
    .map(({ parent, attributes }) => [parent?.attributes['name'], attributes['message']]);
  expect(skipped).toContainEqual(['gateway: /v1/messages straight', '404']);
  expect(skipped).toContainEqual(['gateway: streams', 'not tested']);
  // One that could not be judged is an error, not a failure.
  const [harmed] = hops.verdicts;
  if (harmed === undefined) throw new Error('no verdict');
  const failed = {
    ...harmed,
    harmed: 0,
    cause: undefined,
    proxied: { ...harmed.proxied, error: 2 },
  };
  const erring = parse(
    junitReport({ ...record, hops: { ...hops, errors: [], verdicts: [failed] } }),
  );
  expectCounted(erring);
  expect(erring.find(({ name }) => name === 'error')?.attributes['message']).toBe(
    '2 of 5 resumes could not be judged',
  );
});

test('a run that could not judge or did not end has errors', () => {
  const { matrix } = record.totals;
  const elements = parse(
    junitReport({
      ...record,
      interrupted: 'target-lost',
      findings: [],
      totals: {
        ...record.totals,
        matrix: matrix.map((cell, i) =>
          i === 0 ? { ...cell, verdicts: { ...cell.verdicts, error: 3 } } : cell,
        ),
      },
    }),
  );
  expectCounted(elements);
  const errors = elements.filter((element) => element.name === 'error');
  expect(errors.map((error) => error.parent?.attributes['name'])).toEqual([
    'opening',
    'the run itself',
  ]);
  expect(errors[1]?.text).toContain('target was lost');
});

test('is well-formed and counted whatever a record holds', () => {
  fc.assert(
    fc.property(hostility, (drawn) => {
      const hostile = hostileRecord(drawn);
      const xml = junitReport(hostile);
      expectCounted(parse(xml));
      expect(xml).not.toMatch(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u);
    }),
    { numRuns: 60 },
  );
  expectCounted(parse(junitReport(poisoned(record, () => WORST))));
});

test('is bounded', () => {
  const xml = junitReport(
    manyFindings(
      poisoned(record, () => 'x'.repeat(50_000)),
      2000,
    ),
  );
  expect(xml.length).toBeLessThan(4_000_000);
  expectCounted(parse(xml));
});
