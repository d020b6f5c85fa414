import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { parsePack } from './parse.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(' ', '\n', '\t', 'a', ':', '-', '#', '"', "'", '\r', '\u00A0', '5'),
    maxLength: 20,
  }),
  fc.constantFrom('true', 'null', '~', '1e3', '<<', '*a', '&a', '!tag', '---', '|', '>-', '…'),
);
const identifier = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,8}$/);
const name = fc.stringMatching(/^[a-z_]{1,8}$/);
const optional = { requiredKeys: [] };

const toolCall = fc.record(
  { id: name, name, arguments: text },
  { requiredKeys: ['name', 'arguments'] },
);
const message = fc
  .record({
    role: fc.constantFrom('system', 'user', 'assistant', 'tool'),
    content: text,
    extra: fc.record(
      { reasoning: text, toolCalls: fc.array(toolCall, { maxLength: 2 }), toolCallId: name },
      optional,
    ),
  })
  .map(({ role, content, extra }) => ({ role, content, ...extra }));
const tool = fc.record({
  name,
  description: text,
  parameters: fc.dictionary(name, fc.oneof(text, fc.integer(), fc.boolean(), fc.array(text)), {
    maxKeys: 3,
  }),
});
const scenario = fc
  .record({
    id: identifier,
    title: text,
    messages: fc.array(message, { maxLength: 3 }),
    last: fc.record({ role: fc.constantFrom('system', 'user', 'tool'), content: text }),
    tools: fc.array(tool, { maxLength: 2 }),
    maxTokens: fc.integer({ min: 1, max: 100_000 }),
    tags: fc.array(text, { maxLength: 3 }),
    extra: fc.record({ thinking: fc.boolean() }, optional),
  })
  .map(({ last, extra, ...rest }) => ({ ...rest, messages: [...rest.messages, last], ...extra }));
const pack = fc.record({
  pack: name,
  description: text,
  scenarios: fc.uniqueArray(scenario, { minLength: 1, maxLength: 4, selector: (s) => s.id }),
});

const STYLES: ((value: unknown) => string)[] = [
  (value) => stringify(value),
  (value) => stringify(value, { defaultStringType: 'QUOTE_DOUBLE', lineWidth: 0 }),
  (value) => JSON.stringify(value),
];

describe('parsePack', () => {
  test('a pack written as YAML reads back the same', () => {
    fc.assert(
      fc.property(pack, fc.constantFrom(...STYLES), (written, write) => {
        const source = write(written);
        // The library's writer spoils a few texts of white space; its reader is what we rely on.
        fc.pre(JSON.stringify(parse(source)) === JSON.stringify(written));
        expect(parsePack(source, 'x.yaml')).toHaveProperty('pack', written);
      }),
    );
  });

  test('a misspelt field is always named, with its line', () => {
    const fields = [
      'pack',
      'description',
      'scenarios',
      'title',
      'messages',
      'maxTokens',
      'role',
      'content',
      'parameters',
    ];
    fc.assert(
      fc.property(
        pack,
        fc.constantFrom(...fields),
        fc.nat(),
        fc.integer({ min: 0, max: 3 }),
        (written, field, at, edit) => {
          const wrong = misspell(field, at, edit);
          fc.pre(wrong !== field);
          const source = stringify(written, { lineWidth: 0 }).split('\n');
          const pattern = new RegExp(`^([ -]*)${field}:`);
          const line = source.findIndex((candidate) => pattern.test(candidate));
          fc.pre(line >= 0);
          const original = source[line] ?? '';
          source[line] = original.replace(pattern, `$1${wrong}:`);
          const parsed = parsePack(source.join('\n'), 'x.yaml');
          // A random text may hold such a line too; then nothing is wrong with the fields.
          fc.pre('problems' in parsed);
          const column = (pattern.exec(original)?.[1]?.length ?? 0) + 1;
          const named = parsed.problems.filter((problem) =>
            problem.includes(`${wrong}: unknown field`),
          );
          expect(named).toHaveLength(1);
          expect(named[0]).toContain(`x.yaml:${line + 1}:${column}: `);
          expect(named[0]).toContain(`(did you mean "${field}"?)`);
        },
      ),
    );
  });

  test('no text makes it throw', () => {
    const soup = fc.string({
      unit: fc.constantFrom(
        'a',
        ':',
        ' ',
        '\n',
        '- ',
        '[',
        ']',
        '{',
        '}',
        '&a ',
        '*a',
        '"',
        "'",
        '|',
        '!',
        '?',
        '#',
        ',',
        'id: ',
      ),
      maxLength: 60,
    });
    fc.assert(
      fc.property(soup, (source) => {
        const parsed = parsePack(source, 'x.yaml');
        if ('problems' in parsed) {
          expect(parsed.problems.length).toBeGreaterThan(0);
          for (const problem of parsed.problems) expect(problem).toMatch(/^x\.yaml:\d+:\d+: .+$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** One edit: a letter dropped, doubled, replaced, or swapped with its neighbour. */
function misspell(word: string, at: number, edit: number): string {
  const i = at % word.length;
  const letter = word[i] ?? '';
  const [before, after] = [word.slice(0, i), word.slice(i + 1)];
  if (edit === 0) return before + after;
  if (edit === 1) return before + letter + letter + after;
  if (edit === 2) return `${before}x${after}`;
  return before + after.slice(0, 1) + letter + after.slice(1);
}
