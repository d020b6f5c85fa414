import fc from 'fast-check';
import { homedir } from 'node:os';
import { expect, test } from 'vitest';
import { evidenceOf, Redactor } from './redact.ts';

test('no secret is left in any text of a value, wherever it stands', () => {
  const secret = fc.stringMatching(/^sk-audit-[0-9a-f]{12}$/);
  fc.assert(
    fc.property(secret, fc.jsonValue(), (key, value) => {
      const redactor = new Redactor({ [key]: '{apiKey}', '/tmp/somewhere': '{folder}' });
      const seeded = [
        value,
        { [`a ${key}`]: `${key}${key}`, deep: [{ x: `/tmp/somewhere/${key}` }] },
      ];
      const written = JSON.stringify(redactor.json(seeded));
      expect(written).not.toContain(key);
      expect(written).not.toContain('/tmp/somewhere');
      expect(redactor.json(value)).toEqual(value);
    }),
  );
});

test.each([
  ['in Base64', (key: string) => Buffer.from(key).toString('base64')],
  ['percent-encoded', (key: string) => key.replace('-', '%2d')],
  ['escaped', (key: string) => key.replace('s', String.raw`\u0073`)],
])('a key %s is found', (_how, spelt) => {
  const redactor = new Redactor({ 'sk-audit-0123456789ab': '{apiKey}' });
  expect(redactor.text(`a ${spelt('sk-audit-0123456789ab')} b`)).toBe('a {apiKey} b');
});

test('the home folder is never named', () => {
  expect(new Redactor({}).text(`${homedir()}/x`)).toBe('~/x');
});

test('evidence keeps messages whole and cuts what is long, with its length and hash', () => {
  const long = 'x'.repeat(5000);
  const shown = evidenceOf({
    model: 'm',
    tools: [{ type: 'function', function: { name: 'read', description: long } }, { name: 'edit' }],
    messages: [
      { role: 'system', content: long },
      { role: 'assistant', content: ' kept \n', tool_calls: [{ id: '1' }] },
      { role: 'user', content: [{ type: 'text', text: long }] },
    ],
  });
  expect(shown).toMatchObject({
    model: 'm',
    tools: ['read', 'edit'],
    messages: [
      {
        role: 'system',
        content: expect.stringMatching(/^x{240}… \(5000 characters, sha256 [0-9a-f]{16}…\)$/),
      },
      { role: 'assistant', content: ' kept \n', tool_calls: [{ id: '1' }] },
      { role: 'user', content: [{ type: 'text', text: expect.stringMatching(/^x{2000}… /) }] },
    ],
  });
});
