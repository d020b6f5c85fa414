/** What real pip may do for us: install wheels whose hash the index states, and run no build script. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { PACKAGE_OF } from '../../src/engines/environment.ts';
import { install } from '../../src/engines/install.ts';
import { requirePython, type Python } from '../../src/engines/python.ts';
import type { PackagedName } from '../../src/engines/spec.ts';

const VERSION = '9.9.9';
const { signal } = new AbortController();

let place: string;
let python: Python;
beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'seamstress-install-'));
  python = await requirePython(signal);
});
afterAll(() => rmSync(place, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

let folders = 0;
const installs = (name: PackagedName): Promise<void> =>
  install({
    name,
    version: VERSION,
    python,
    folder: join(place, `environment-${folders++}`),
    signal,
    progress: () => {},
  });

const metadata = (name: string): string =>
  `Metadata-Version: 2.1\nName: ${name}\nVersion: ${VERSION}\n`;

test.each(Object.entries(PACKAGE_OF) as [PackagedName, string][])(
  '%s that is offered as source only is not built',
  async (name, distribution) => {
    const sources = `${distribution}-${VERSION}`;
    const links = join(place, `links-${distribution}`);
    const built = join(place, `built-${distribution}`);
    mkdirSync(join(links, sources), { recursive: true });
    writeFileSync(join(links, sources, 'PKG-INFO'), metadata(distribution));
    // A build that needs nothing which this machine may lack.
    writeFileSync(
      join(links, sources, 'pyproject.toml'),
      '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    );
    writeFileSync(
      join(links, sources, 'backend.py'),
      `open(${JSON.stringify(built)}, 'w').close()\n`,
    );
    execFileSync('tar', ['-czf', `${sources}.tar.gz`, sources], { cwd: links });
    rmSync(join(links, sources), { recursive: true });
    vi.stubEnv('PIP_NO_INDEX', '1');
    vi.stubEnv('PIP_FIND_LINKS', links);
    await expect(installs(name)).rejects.toMatchObject({ code: 'engine' });
    expect(existsSync(built)).toBe(false);
  },
);

describe('a wheel', () => {
  /** An index with one wheel of llama.cpp's package, and this hash of it. */
  async function indexWith(hash: string | undefined): Promise<Server> {
    const wheel = Buffer.from(readFileSync(join(place, wheelName)));
    const server = createServer(({ url = '' }, response) => {
      if (url.endsWith('.whl')) response.end(wheel);
      else
        response
          .writeHead(200, { 'content-type': 'text/html' })
          .end(`<a href="/${wheelName}${hash === undefined ? '' : `#sha256=${hash}`}">it</a>`);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    vi.stubEnv('PIP_INDEX_URL', `http://127.0.0.1:${port}/simple`);
    vi.stubEnv('PIP_EXTRA_INDEX_URL', '');
    return server;
  }

  const distribution = PACKAGE_OF['llama.cpp'];
  const wheelName = `${distribution}-${VERSION}-py3-none-any.whl`;
  beforeAll(() => {
    const info = `${distribution}-${VERSION}.dist-info`;
    const folder = join(place, 'wheel');
    mkdirSync(join(folder, info), { recursive: true });
    writeFileSync(join(folder, info, 'METADATA'), metadata(distribution));
    writeFileSync(
      join(folder, info, 'WHEEL'),
      'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    );
    writeFileSync(join(folder, info, 'RECORD'), '');
    const [program, ...args] = python.command;
    execFileSync(program, [...args, '-m', 'zipfile', '-c', join(place, wheelName), info], {
      cwd: folder,
    });
  });

  test('whose bytes are not those of the index is refused', async () => {
    const server = await indexWith('0'.repeat(64));
    try {
      await expect(installs('llama.cpp')).rejects.toMatchObject({
        code: 'engine',
        message: expect.stringMatching(/hash/i) as string,
      });
    } finally {
      server.close();
    }
  });

  test('of the right bytes is installed; that it is no engine is seen by its import', async () => {
    const hash = createHash('sha256').update(readFileSync(join(place, wheelName)));
    const server = await indexWith(hash.digest('hex'));
    try {
      await expect(installs('llama.cpp')).rejects.toMatchObject({
        message: `llama.cpp ${VERSION} was installed but cannot be imported`,
      });
    } finally {
      server.close();
    }
  });
});
