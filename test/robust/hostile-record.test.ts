/**
 * A record that somebody else made is read by every command that takes one: it writes nothing
 * outside the folders that were named, runs nothing, sends the key nowhere, and ends in time and
 * within its memory.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { startReference } from '../../src/reference/server.ts';
import { TapeWriter } from '../../src/tape/file.ts';
import { OpenTape } from '../../src/tape/player.ts';
import { expectClear, packOf, seamstress, temporaryFolder } from '../commands/cli.test-help.ts';
import { serve } from '../commands/server.test-help.ts';

const cwd = temporaryFolder();
const outside = temporaryFolder();
const KEY = 'sk-robust-4f81c09d2b';

/** A shard with a finding and a tape, made by an honest run. */
beforeAll(async () => {
  const server = await startReference({ faults: [{ name: 'bos-doubled', rate: 1 }] });
  const args = ['--seed', '1', '--cuts', '3', '--shard', '1/1', '--out', 'honest'];
  const pack = packOf(cwd, ['add']);
  const ran = await seamstress(['run', pack, '--target', server.url, ...args], { cwd });
  await server.close();
  expect(ran.status).toBe(1);
});

/** A copy of the honest run; gives its name. */
function copy(name: string): string {
  rmSync(join(cwd, name), { recursive: true, force: true });
  cpSync(join(cwd, 'honest'), join(cwd, name), { recursive: true });
  return name;
}

interface Json {
  [name: string]: unknown;
}

/** Changes a JSON file of a copy. */
function edit(path: string, change: (value: Json) => void): void {
  const value = JSON.parse(readFileSync(join(cwd, path), 'utf8')) as Json;
  change(value);
  writeFileSync(join(cwd, path), JSON.stringify(value));
}

/** Writes the tape of a copy anew: its header changed, and these lines after it. */
function retape(name: string, change: (header: Json) => void, lines: Iterable<string> = []): void {
  const path = join(cwd, name, 'tape.bin');
  const old = new OpenTape(path);
  old.close();
  const header = structuredClone(old.header) as unknown as Json;
  change(header);
  rmSync(path);
  const writer = new TapeWriter(path);
  writer.append(JSON.stringify(header));
  writer.flush();
  for (const line of lines) writer.append(line);
  writer.close();
}

/** A run that ended early, as `--resume` wants it. */
function unfinished(name: string, change: (header: Json) => void = () => {}): string {
  copy(name);
  rmSync(join(cwd, name, 'run.json'));
  retape(name, change);
  return name;
}

/** Runs a command on a hostile record: it must end by itself, in clear words or with a result. */
async function survives(args: readonly string[], status?: number): Promise<string> {
  const ran = await seamstress(args, {
    cwd,
    timeoutMs: 200_000,
    env: { NODE_OPTIONS: '--max-old-space-size=1024' },
  });
  expect([args.join(' '), ran.status, ran.stderr]).toEqual([
    args.join(' '),
    status ?? expect.toSatisfy((code) => [0, 1, 2, 3].includes(code as number)),
    expect.not.stringMatching(/bug in seamstress|^ {4}at |heap out of memory|RangeError/m),
  ]);
  if (status === 2) expectClear(ran.stderr);
  return ran.stdout + ran.stderr;
}

/** Every file below a folder. */
function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();
}

describe('nothing is run and no key is sent because a record says so', () => {
  test('a tape cannot name a command to start', async () => {
    const proof = join(outside, 'started');
    const name = unfinished('commanded', (header) => {
      header['options'] = { engineCommand: `touch ${proof}` };
    });
    await survives(['run', '--resume', name], 2);
    expect(existsSync(proof)).toBe(false);
  });

  test('nor where reports go and what is kept', async () => {
    const chosen = join(outside, 'chosen');
    const name = unfinished('optioned', (header) => {
      const others = { out: chosen, report: [`json=${chosen}`], baseline: chosen, tape: false };
      header['options'] = { target: 'reference', fault: [{ not: 'text' }], ...others };
    });
    await survives(['run', '--resume', name]);
    expect(files(outside)).toEqual([]);
  });

  test('an engine is not started with a model or a template that only the tape names', async () => {
    const model = join(outside, 'stranger.gguf');
    const name = unfinished('modelled', (header) => {
      header['options'] = { engine: 'llama.cpp', engineModel: model, chatTemplate: '/etc/passwd' };
    });
    const said = await survives(['run', '--resume', name], 2);
    expect(said).toContain(
      `If that is yours, say so: --engine-model ${model} --chat-template /etc/passwd`,
    );
    // Nothing was provisioned, and the files were not looked at.
    expect(said.trim().split('\n')).toHaveLength(2);
    const again = ['--engine-model', model];
    expect(await survives(['run', '--resume', name, ...again], 2)).toContain(
      'If that is yours, say so: --chat-template /etc/passwd',
    );
  });

  test('a tokenizer that the tape names is a file of bounded size, and told', async () => {
    const server = await startReference({ faults: [{ name: 'bos-doubled', rate: 1 }] });
    const large = join(outside, 'large.json');
    writeFileSync(large, '');
    truncateSync(large, 30 * 1024 ** 3);
    const pipe = join(outside, 'pipe');
    const piped = spawnSync('mkfifo', [pipe]).status === 0;
    try {
      for (const [tokenizer, says] of [
        ['/dev/zero', /not a regular file/],
        [large, /too large: 30720 MiB, and a tokenizer is 128 MiB at most/],
        [outside, /tokenizer\.json/],
        ...(piped ? ([[pipe, /not a regular file/]] as const) : []),
      ] as const) {
        const name = unfinished('tokenized', (header) => {
          header['options'] = { target: server.url, tokenizer };
        });
        const said = await survives(['run', '--resume', name], 2);
        expect(said).toContain(`the tokenizer is the one that the tape names: ${tokenizer}`);
        expect(said).toMatch(says);
      }
    } finally {
      for (const path of [large, pipe]) rmSync(path, { force: true });
      await server.close();
    }
  });

  test.each(['replay', 'run --resume'])('%s', async (command) => {
    const sent: unknown[] = [];
    const url = await serve((request, response) => {
      sent.push(request.headers);
      response.writeHead(404).end();
    });
    // Another name of this machine, which is not the loopback address as far as anyone can tell.
    const away = url.replace('127.0.0.1', '0.0.0.0');
    const args = named(command, 'keyed', away);
    const where = { cwd, env: { SEAMSTRESS_API_KEY: KEY } };
    const ran = await seamstress(args, where);
    expect(JSON.stringify(sent)).not.toContain(KEY);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toMatch(/the key is not sent[^]*--target http:\/\/0\.0\.0\.0/);
    expectClear(ran.stderr);
    // Named by the user it is sent.
    await seamstress([...args, '--target', away], where);
    expect(JSON.stringify(sent)).toContain(KEY);
  });

  test.each([
    ['replay', 'https://api.deepseek.com', 'DEEPSEEK_API_KEY'],
    ['run --resume', 'https://api.deepseek.com', 'DEEPSEEK_API_KEY'],
    ['replay', 'https://api.anthropic.com', 'ANTHROPIC_API_KEY'],
    ['run --resume', 'https://api.anthropic.com', 'ANTHROPIC_API_KEY'],
  ])("%s: nor the vendor's own key to %s", async (command, url, variable) => {
    const ran = await seamstress(named(command, 'vendor', url), { cwd, env: { [variable]: KEY } });
    expect(ran.status).toBe(2);
    expect(ran.stderr).toContain(`the key is not sent to ${new URL(url).href}, which only`);
    expectClear(ran.stderr);
  });
});

/** The arguments of a command on a copy whose record names an address. */
function named(command: string, name: string, url: string): string[] {
  if (command !== 'replay')
    return [
      'run',
      '--resume',
      unfinished(name, (header) => {
        header['options'] = { target: url };
      }),
    ];
  copy(name);
  const file = join(name, 'findings', readdirSync(join(cwd, name, 'findings'))[0] ?? '');
  edit(file, (finding) => {
    Object.assign(finding['target'] as Json, { url, engine: { name: 'llama.cpp' } });
  });
  return ['replay', file];
}

/** A file that is none of the record's business. */
function victim(): string {
  const path = join(outside, 'victim');
  writeFileSync(path, 'untouched');
  return path;
}

describe('nothing is written outside', () => {
  test.each([
    'seams.ndjson',
    'run.json.tmp',
    'tape.bin.new',
    'findings/bos-doubled.json',
    'findings',
    'raw',
  ])('run --resume in a folder in which %s is a link', async (link) => {
    const target = victim();
    const name = unfinished('linked');
    const path = join(cwd, name, link);
    rmSync(path, { recursive: true, force: true });
    const folder = link === 'findings' || link === 'raw';
    symlinkSync(folder ? outside : target, path);
    await survives(['run', '--resume', name, '--target', 'reference']);
    expect(readFileSync(target, 'utf8')).toBe('untouched');
    expect(files(outside)).toEqual(['victim']);
  });

  test.each(['seams.ndjson', 'tape.bin', 'run.json.tmp'])(
    'run --out in a folder in which %s leads to a place that is not there yet',
    async (link) => {
      rmSync(join(cwd, 'dangling'), { recursive: true, force: true });
      mkdirSync(join(cwd, 'dangling'));
      symlinkSync(join(outside, 'new'), join(cwd, 'dangling', link));
      const pack = packOf(cwd, ['add']);
      const args = ['--target', 'reference', '--cuts', '2', '--out', 'dangling'];
      await survives(['run', pack, ...args]);
      expect(existsSync(join(outside, 'new'))).toBe(false);
    },
  );

  test.each(['../../escaped', '..', '/tmp/escaped', String.raw`..\escaped`, 'a/b', 'a\0b', ''])(
    'a finding with the id %j',
    async (id) => {
      const name = copy('ids');
      edit(`${name}/run.json`, (record) => {
        for (const finding of record['findings'] as Json[]) finding['id'] = id;
      });
      const before = files(outside);
      for (const args of [
        ['report', name, '--report', 'html=out/r.html', '--report', 'github=-'],
        ['diff', 'honest', name],
        ['merge', name, '--out', 'merged-ids'],
        ['analyze', name, '--out', 'analyzed-ids'],
      ])
        await survives(args);
      expect(files(outside)).toEqual(before);
      expect(existsSync(join(cwd, 'escaped'))).toBe(false);
      expect(existsSync(join(cwd, '../escaped'))).toBe(false);
    },
  );
});

/** A line of a tape: a prompt as what changed since the one before. */
function entry(i: number, change: unknown): string {
  return JSON.stringify(['render', `${i}`, 'result', { i: change, r: [0, 0, '[]'], s: 'server' }]);
}

describe('memory and time are bounded', () => {
  test('a block of the tape that unpacks to a gigabyte', async () => {
    const name = copy('bomb');
    const packed = deflateRawSync(Buffer.alloc(1000 * 1024 * 1024, 0x20));
    const size = Buffer.alloc(4);
    size.writeUInt32LE(packed.length);
    const tape = readFileSync(join(cwd, name, 'tape.bin'));
    const head = tape.indexOf('\n') + 1;
    writeFileSync(
      join(cwd, name, 'tape.bin'),
      Buffer.concat([tape.subarray(0, head), size, packed]),
    );
    for (const args of [
      ['analyze', name],
      ['merge', name, '--out', 'bombed'],
      ['run', '--resume', name, '--target', 'reference'],
    ])
      expect(await survives(args, 2)).toMatch(/tape/);
  });

  test('answers that nobody asks for, a thousand times larger than their file', async () => {
    const name = copy('amplified');
    const ids = Array.from({ length: 200_000 }, (_, i) => i % 7);
    const again = (function* () {
      yield entry(0, [0, 0, ids]);
      for (let i = 1; i < 4000; i++) yield entry(i, [100_000, 100_000, []]);
    })();
    retape(name, () => {}, again);
    expect(await survives(['analyze', name], 2)).toMatch(/tape|record does not hold/);
  });

  test('as many shards as a number can say', async () => {
    for (const of of [4_000_000_000, Number.MAX_SAFE_INTEGER]) {
      const name = copy('sharded');
      retape(name, (header) => {
        (header['plan'] as Json)['shard'] = { index: 1, of };
      });
      await survives(['merge', name, '--out', 'of-many'], 2);
    }
  });

  test('plans that never end', async () => {
    const name = copy('endless');
    retape(name, (header) => {
      Object.assign(header['plan'] as Json, {
        mode: 'fuzz',
        cases: Number.MAX_SAFE_INTEGER,
        compare: Number.MAX_SAFE_INTEGER,
      });
    });
    await survives(['analyze', name]);
  });

  test.each(['run.json', 'seams.ndjson', 'tape.bin'])('%s is a device or a pipe', async (file) => {
    const name = copy('device');
    const path = join(cwd, name, file);
    rmSync(path);
    const reading = [
      ['report', name],
      ['diff', 'honest', name],
      ['analyze', name],
      ['merge', name, '--out', 'of-devices'],
    ];
    symlinkSync('/dev/zero', path);
    for (const args of reading) await survives(args);
    rmSync(path);
    if (spawnSync('mkfifo', [path]).status === 0) for (const args of reading) await survives(args);
  });

  test.each([
    ['nesting', (depth: number) => '['.repeat(depth) + ']'.repeat(depth)],
    ['nested objects', (depth: number) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)],
  ])('%s without end', async (_what, nested) => {
    const name = copy('nested');
    const deep = nested(100_000);
    const record = readFileSync(join(cwd, name, 'run.json'), 'utf8');
    const into = record.replaceAll(/"body": /g, `"body": ${deep}, "was": `);
    expect(into).not.toBe(record);
    writeFileSync(join(cwd, name, 'run.json'), into);
    for (const file of readdirSync(join(cwd, name, 'findings'))) {
      const path = join(cwd, name, 'findings', file);
      const finding = readFileSync(path, 'utf8').replaceAll(
        /"body": /g,
        `"body": ${deep}, "was": `,
      );
      writeFileSync(path, finding);
      await survives(['replay', join(name, 'findings', file), '--target', 'reference']);
    }
    for (const args of [
      ['report', name, '--report', 'html=deep.html'],
      ['report', name, '--report', 'json=-'],
      ['diff', 'honest', name],
      ['merge', name, '--out', 'of-nests'],
      ['analyze', name, '--json'],
    ])
      await survives(args);
  });

  test('nesting that fills the memory where nobody looks', async () => {
    const deep = '['.repeat(20_000_000) + ']'.repeat(20_000_000);
    const name = copy('nested');
    const path = join(cwd, name, 'run.json');
    const record = readFileSync(path, 'utf8');
    const finding = join(name, 'findings', readdirSync(join(cwd, name, 'findings'))[0] ?? '');
    for (const text of [record.replace('{', `{"more":${deep},`), '['.repeat(64 * 1024 * 1024)]) {
      writeFileSync(path, text);
      for (const args of [
        ['report', name],
        ['diff', 'honest', name],
        ['merge', name, '--out', 'of-deep'],
        ['analyze', name],
      ])
        expect(await survives(args, 2)).toMatch(/too deeply nested/);
      writeFileSync(join(cwd, finding), text);
      expect(await survives(['replay', finding, '--target', 'reference'], 2)).toMatch(/too deeply/);
    }
    writeFileSync(join(cwd, 'deep.yaml'), '['.repeat(1024 * 1024));
    const given = ['--baseline', 'deep.yaml'];
    expect(await survives(['diff', 'honest', 'honest', ...given], 2)).toMatch(/nested more than/);
    retape(name, () => {}, ['['.repeat(100 * 1024 * 1024)]);
    writeFileSync(path, record);
    expect(await survives(['analyze', name], 2)).toMatch(/damaged/);
  });

  test('numbers beyond all bounds', async () => {
    const name = copy('huge');
    const text = readFileSync(join(cwd, name, 'run.json'), 'utf8');
    writeFileSync(
      join(cwd, name, 'run.json'),
      text.replaceAll(/"(count|seams|first|last|requests|exact)": \d+/g, `"$1": ${2 ** 53 - 1}`),
    );
    for (const args of [
      ['report', name, '--report', 'html=huge.html', '--report', 'markdown=-'],
      ['diff', 'honest', name],
      ['diff', name, name],
      ['merge', name, '--out', 'of-huge'],
      ['analyze', name],
    ])
      await survives(args);
  });
});
