import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseGateway } from './gateway-spec.ts';
import { litellmConfig } from './litellm.ts';
import { nameIn, relax, unmetRequirement } from './litellm-package.ts';

test('the requirement that the index cannot meet is read from pip’s words', () => {
  const words = `ERROR: Could not find a version that satisfies the requirement certifi>=2026.10.19 (from litellm[proxy]) (from versions: 1.0.1, 2026.10.18)
ERROR: No matching distribution found for certifi>=2026.10.19`;
  expect(unmetRequirement(words)).toBe('certifi>=2026.10.19');
  expect(unmetRequirement('No matching distribution found for httpx[http2]<1,>=9; x')).toBe(
    'httpx[http2]<1,>=9',
  );
  expect(unmetRequirement('ERROR: No space left on device')).toBeUndefined();
});

test('only the named requirement is relaxed; names compare as indexes compare them', () => {
  expect(
    relax(['certifi>=2026.10.19', 'httpx[http2]<1.0', 'litellm_proxy.extras==0.4.113'], 'certifi'),
  ).toEqual(['certifi', 'httpx[http2]<1.0', 'litellm_proxy.extras==0.4.113']);
  expect(relax(['httpx[http2]<1.0,>=0.28.0'], 'httpx')).toEqual(['httpx[http2]']);
  expect(nameIn('Litellm_Proxy.Extras==0.4.113')).toBe('litellm-proxy-extras');
  const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}([-_.][a-z0-9]{1,8})?$/);
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 2, selector: nameIn }), (names) => {
      const wanted = names.map((one) => `${one}>=2`);
      const [first = ''] = names;
      expect(relax(wanted, nameIn(first))).toEqual([first, ...wanted.slice(1)]);
    }),
  );
});

test('gateways by name', () => {
  expect(parseGateway('litellm')).toEqual({ name: 'litellm', version: undefined });
  expect(parseGateway('litellm@1.108.3')).toEqual({ name: 'litellm', version: '1.108.3' });
  for (const wrong of ['', 'openrouter', 'litellm@', 'litellm@../x', 'litellm@1@2', 'LiteLLM'])
    expect(() => parseGateway(wrong)).toThrow(
      expect.objectContaining({
        code: 'usage',
        hint: expect.stringContaining('litellm') as string,
      }),
    );
});

test('the configuration sends each request on once and holds no key', () => {
  const upstream = 'http://127.0.0.1:9000';
  expect(parse(litellmConfig({ upstream, model: 'thinker', keyVariable: 'SOME_KEY' }))).toEqual({
    model_list: [
      {
        model_name: 'thinker',
        litellm_params: {
          model: 'hosted_vllm/thinker',
          api_base: 'http://127.0.0.1:9000/v1',
          api_key: 'os.environ/SOME_KEY',
        },
      },
    ],
    litellm_settings: { drop_params: true, telemetry: false },
    router_settings: { num_retries: 0, disable_cooldowns: true },
  });
  expect(litellmConfig({ upstream, model: 'x: [y]' })).toContain('"hosted_vllm/x: [y]"');
});
