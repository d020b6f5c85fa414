import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SeamstressError } from '../errors.ts';
import { loadScenarios } from './load.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seamstress-scenarios-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Writes a file, loads it and returns code and message, with the folder's name taken out. */
async function failure(content: string | Uint8Array, name = 'x.yaml'): Promise<string> {
  await writeFile(join(folder, name), content);
  return failureOf([join(folder, name)]);
}

async function failureOf(paths: readonly string[]): Promise<string> {
  const error: unknown = await loadScenarios(paths).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SeamstressError);
  const { code, message } = error as SeamstressError;
  return `${code}: ${message}`.replaceAll(join(folder, '/'), '').replaceAll(folder, '.');
}

const GOOD = `pack: good
scenarios:
  - id: hello
    messages:
      - { role: user, content: Hello }
`;

describe('the built-in pack', () => {
  test('is the default and has every kind of prompt', async () => {
    const scenarios = await loadScenarios([]);
    expect(scenarios.map((scenario) => scenario.id)).toEqual([
      'add',
      'fruits',
      'python',
      'go',
      'json',
      'table',
      'poem',
      'chinese',
      'emoji',
      'stairs',
      'tool',
      'tool-again',
      'no-thinking',
      'thinking',
      'system',
      'multi-turn',
    ]);
    expect(await loadScenarios(['thinker'])).toEqual(scenarios);
    expect(scenarios.every((scenario) => scenario.maxTokens === 512)).toBe(true);
    expect(scenarios.every((scenario) => scenario.title !== '')).toBe(true);
  });

  test('keeps white space, tool definitions and the thinking switch', async () => {
    const byId = new Map((await loadScenarios([])).map((scenario) => [scenario.id, scenario]));
    expect(byId.get('multi-turn')?.messages[1]?.content).toMatch(/^Here are[^]*\n\nEnjoy! {2}$/);
    expect(byId.get('multi-turn')?.messages[1]?.reasoning).toMatch(/emoji\.\n\n🍋 🍑$/);
    expect(byId.get('tool')?.tools).toEqual(byId.get('tool-again')?.tools);
    expect(byId.get('tool')?.tools[0]?.parameters['required']).toEqual(['city', 'unit']);
    expect(byId.get('add')?.thinking).toBeUndefined();
    expect(byId.get('thinking')?.thinking).toBe(true);
    expect(byId.get('no-thinking')?.thinking).toBe(false);
  });
});

describe('paths', () => {
  test('files, folders and packs, in order, each once', async () => {
    const packs = join(folder, 'packs');
    await mkdir(packs);
    const second = GOOD.replace('hello', 'second');
    await writeFile(join(packs, 'b.yml'), second);
    await writeFile(join(packs, 'a.yaml'), GOOD);
    await writeFile(join(packs, 'notes.md'), '# not a pack');
    const loaded = await loadScenarios([join(packs, 'b.yml'), packs, 'thinker', 'thinker']);
    expect(loaded.slice(0, 3).map((scenario) => scenario.id)).toEqual(['second', 'hello', 'add']);
    expect(loaded).toHaveLength(18);
  });

  test('a missing file', async () => {
    expect(await failureOf([join(folder, 'none.yaml')])).toBe(
      'config: none.yaml: no such file or folder',
    );
  });

  test('a name that is no pack', async () => {
    expect(await failureOf(['thinkr'])).toBe(
      'usage: no scenario pack or file "thinkr" (did you mean "thinker"?)',
    );
    const error: unknown = await loadScenarios(['something']).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: 'no scenario pack or file "something"',
      hint: 'Built-in packs: prefill, thinker. Or give a YAML file or a folder of them.',
    });
  });

  test('a folder without YAML', async () => {
    await mkdir(join(folder, 'bare'));
    expect(await failureOf([join(folder, 'bare')])).toBe(
      'config: bare: no *.yaml or *.yml file in this folder',
    );
  });

  test('an id that two packs use', async () => {
    await writeFile(join(folder, 'one.yaml'), GOOD);
    await writeFile(join(folder, 'two.yaml'), `# another\n${GOOD}`);
    expect(await failureOf([join(folder, 'one.yaml'), join(folder, 'two.yaml')])).toBe(
      'config: two.yaml:4:5: scenarios[0].id: "hello" is already the id at one.yaml:3:5',
    );
  });
});

describe('files', () => {
  test.each([
    ['empty', '', 'x.yaml:1:1: empty file; a pack needs the fields "pack" and "scenarios"'],
    [
      'only a comment',
      '# soon\n',
      'x.yaml:1:1: empty file; a pack needs the fields "pack" and "scenarios"',
    ],
    ['a list', '- a\n- b\n', 'x.yaml:1:1: expected a map, got a list'],
    ['a text', 'hello\n', 'x.yaml:1:1: expected a map, got "hello"'],
    ['not UTF-8', Uint8Array.of(0x70, 0xff), 'x.yaml: not UTF-8 text'],
    [
      'too large',
      `# ${'x'.repeat(1024 * 1024)}`,
      'x.yaml: larger than 1 MiB (1048578 bytes); split the pack',
    ],
    [
      'a syntax error',
      'pack: a\nscenarios: [\n',
      'x.yaml:3:1: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    [
      'two maps on a line',
      'pack: a\nscenarios:\n  - id: b: c\n',
      'x.yaml:3:9: Nested mappings are not allowed in compact mappings',
    ],
    [
      'a field twice',
      GOOD.replace('pack: good', 'pack: good\npack: better'),
      'x.yaml:2:1: Map keys must be unique',
    ],
    [
      'two documents',
      `${GOOD}---\n${GOOD}`,
      'x.yaml:6:1: Source contains multiple documents; please use YAML.parseAllDocuments()',
    ],
    ['an unknown tag', GOOD.replace('Hello', '!js Hello'), 'x.yaml:5:32: Unresolved tag: !js'],
    [
      'a standard tag',
      GOOD.replace('Hello', '!!str 5'),
      'x.yaml:5:38: tags are not allowed: tag:yaml.org,2002:str',
    ],
    [
      'an alias bomb',
      `a: &a [1, 1, 1, 1, 1, 1, 1]\nb: &b [*a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c]\n`,
      'x.yaml:1:1: Excessive alias count indicates a resource exhaustion attack',
    ],
    ['a deep list', `a: ${'['.repeat(5000)}`, 'x.yaml:1:1: nested more than 100 levels deep'],
    ['a deep block', '- '.repeat(5000), 'x.yaml:1:1: nested more than 100 levels deep'],
  ])('%s', async (_name, content, message) => {
    expect(await failure(content)).toBe(`config: ${message}`);
  });

  test('a byte order mark and Windows line ends are fine', async () => {
    await writeFile(join(folder, 'windows.yaml'), `\uFEFF${GOOD.replaceAll('\n', '\r\n')}`);
    expect(await loadScenarios([join(folder, 'windows.yaml')])).toEqual([
      {
        id: 'hello',
        title: '',
        messages: [{ role: 'user', content: 'Hello' }],
        tools: [],
        maxTokens: 512,
        tags: [],
      },
    ]);
  });
});

describe('fields', () => {
  /** `field` goes into the scenario, on line 6. */
  const withField = (field: string): string => `${GOOD}    ${field}\n`;

  test.each([
    [
      'misspelt',
      GOOD.replace('messages', 'mesages'),
      [
        'x.yaml:3:5: scenarios[0].messages: missing',
        'x.yaml:4:5: scenarios[0].mesages: unknown field (did you mean "messages"?)',
      ],
    ],
    [
      'unknown',
      withField('temperature: 0'),
      [
        'x.yaml:6:5: scenarios[0].temperature: unknown field (known: id, title, messages, tools, toolChoice, responseFormat, prefill, thinking, maxTokens, tags)',
      ],
    ],
    ['missing at the top', 'pack: a\n', ['x.yaml:1:1: scenarios: missing']],
    [
      'of another type',
      withField('maxTokens: many'),
      ['x.yaml:6:5: scenarios[0].maxTokens: expected a number, got "many"'],
    ],
    [
      'not whole',
      withField('maxTokens: 1.5'),
      ['x.yaml:6:5: scenarios[0].maxTokens: expected a whole number, got 1.5'],
    ],
    [
      'too small',
      withField('maxTokens: 0'),
      ['x.yaml:6:5: scenarios[0].maxTokens: must be at least 1, got 0'],
    ],
    [
      'too big',
      withField('maxTokens: 1e6'),
      ['x.yaml:6:5: scenarios[0].maxTokens: must be at most 100000, got 1000000'],
    ],
    [
      'left blank',
      withField('title:'),
      ['x.yaml:6:5: scenarios[0].title: expected a text, got nothing'],
    ],
    [
      'a number for a text',
      withField('tags: [ok, 2]'),
      ['x.yaml:6:16: scenarios[0].tags[1]: expected a text, got 2'],
    ],
    [
      'a map for a list',
      withField('tags: {}'),
      ['x.yaml:6:5: scenarios[0].tags: expected a list, got a map'],
    ],
    [
      'a text for a switch',
      withField('thinking: off'),
      ['x.yaml:6:5: scenarios[0].thinking: expected true or false, got "off"'],
    ],
    [
      'a list for a map',
      withField('tools: [{ name: t, parameters: [] }]'),
      ['x.yaml:6:24: scenarios[0].tools[0].parameters: expected a map, got a list'],
    ],
    ['no scenarios', 'pack: a\nscenarios: []\n', ['x.yaml:2:1: scenarios: must not be empty']],
    ['no name', GOOD.replace('good', '""'), ['x.yaml:1:1: pack: must not be empty']],
    [
      'a bad id',
      GOOD.replace('hello', 'Hello there'),
      [
        'x.yaml:3:5: scenarios[0].id: expected lower-case letters, digits and dashes, got "Hello there"',
      ],
    ],
    [
      'a bad role',
      GOOD.replace('user', 'usr'),
      [
        'x.yaml:5:11: scenarios[0].messages[0].role: expected one of "system", "user", "assistant", "tool", got "usr" (did you mean "user"?)',
      ],
    ],
    [
      'the assistant has the last word',
      GOOD.replace('user', 'assistant'),
      [
        "x.yaml:5:11: scenarios[0].messages[0].role: the last message can't be the assistant's, since the answer under test comes after it",
      ],
    ],
    [
      'an id twice',
      `${GOOD}  - id: hello\n    messages: [{ role: user, content: Again }]\n`,
      ['x.yaml:6:5: scenarios[1].id: "hello" is already the id of scenarios[0]'],
    ],
  ])('%s', async (_name, content, messages) => {
    expect(await failure(content)).toBe(`config: ${messages.join('\n')}`);
  });

  test('a fault behind an alias is shown where it is written', async () => {
    const content = `pack: a
scenarios:
  - id: one
    messages: &m
      - { role: user, content: 5 }
  - id: two
    messages: *m
`;
    expect(await failure(content)).toBe(
      'config: x.yaml:5:23: scenarios[0].messages[0].content: expected a text, got 5\n' +
        'x.yaml:5:23: scenarios[1].messages[0].content: expected a text, got 5',
    );
  });

  test('at most ten problems are listed', async () => {
    const many = Array.from({ length: 12 }, (_, i) => `  - id: s${i}\n`).join('');
    const message = await failure(`pack: a\nscenarios:\n${many}`);
    expect(message.split('\n')).toHaveLength(11);
    expect(message.split('\n').at(-1)).toBe('… and 2 more');
  });
});
