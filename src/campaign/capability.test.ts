import { afterEach, describe, expect, test } from 'vitest';
import type { Target } from '../dialects/dialect.ts';
import { llamacpp } from '../dialects/llamacpp.ts';
import type { FaultName } from '../reference/faults.ts';
import { startReference } from '../reference/server.ts';
import { askCapabilities, SITUATIONS, type Capability, type Situation } from './capability.ts';

const { signal } = new AbortController();
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function connected(...faults: FaultName[]): Promise<Target> {
  const server = await startReference({ faults: faults.map((name) => ({ name, rate: 1 })) });
  open.push(() => server.close());
  const target = await llamacpp.connect({ url: server.url }, signal);
  open.push(() => target.close());
  return target;
}

function by(capabilities: readonly Capability[]): Record<Situation, Capability> {
  return Object.fromEntries(capabilities.map((one) => [one.situation, one])) as Record<
    Situation,
    Capability
  >;
}

test('a correct server continues in every situation, without flags', async () => {
  const found = await askCapabilities(await connected(), {}, signal);
  expect(found.map(({ situation }) => situation)).toEqual(SITUATIONS);
  for (const { works, flags } of found) expect([works, flags]).toEqual([true, 'not needed']);
  expect(by(found).plain.layer).toBe('inferred');
  expect(by(found).empty.layer).toBe('probed');
});

describe('what the server does counts more than what its template suggests', () => {
  test.each([
    [
      'prefill-refused',
      'thinking',
      /^the template suggests otherwise .* refused: Assistant response/,
    ],
    ['turn-closed', 'plain', /closed, and a new turn follows/],
    ['prefill-dropped', 'plain', /left out/],
    ['reasoning-lost', 'reasoning-only', /left out|closed/],
  ] as const)('%s', async (fault, situation, words) => {
    const capability = by(await askCapabilities(await connected(fault), {}, signal))[situation];
    expect(capability).toMatchObject({ works: false, layer: 'probed', flags: undefined });
    expect(capability.why).toMatch(words);
  });

  test('header-missing is seen at an empty message', async () => {
    const { empty, plain } = by(
      await askCapabilities(await connected('header-missing'), {}, signal),
    );
    expect([empty.works, plain.works]).toEqual([false, true]);
  });
});

test('what the user sets is not asked for', async () => {
  const target = await connected();
  const before = target.spending.requests;
  const all = Object.fromEntries(SITUATIONS.map((name) => [name, false]));
  for (const { works, layer } of await askCapabilities(target, all, signal))
    expect([works, layer]).toEqual([false, 'user']);
  expect(target.spending.requests).toBe(before);
});

function blind(chatTemplate: string | undefined): Target {
  return {
    chatTemplate,
    render: async () => await Promise.reject(new Error('no such route')),
  } as unknown as Target;
}

describe('a server that shows no prompts', () => {
  test('is answered for by its template, where that is known', async () => {
    const writes = '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}';
    const {
      plain,
      empty,
      'reasoning-only': alone,
    } = by(await askCapabilities(blind(writes), {}, signal));
    expect(plain).toMatchObject({ works: true, layer: 'inferred' });
    expect(alone).toMatchObject({ works: false, layer: 'inferred' });
    expect(empty).toMatchObject({ works: true, layer: 'default' });
    const raises =
      "{% if messages[-1].role != 'user' %}{{ raise_exception('ends with user') }}{% endif %}";
    const refused = by(await askCapabilities(blind(raises), {}, signal)).plain;
    expect(refused).toMatchObject({ works: false, layer: 'inferred' });
    expect(refused.why).toContain('ends with user');
  });

  test('is assumed to continue, where nothing is known, and a template that would keep us busy is not rendered', async () => {
    for (const template of [undefined, '{% for i in range(10000000) %}x{% endfor %}'])
      for (const { works, layer } of await askCapabilities(blind(template), {}, signal))
        expect([works, layer]).toEqual([true, 'default']);
  });
});
