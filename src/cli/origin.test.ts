import { Command } from 'commander';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withTarget, withVia } from './options.ts';
import { originOf, targetOf, type TargetOptions } from './origin.ts';

/** The target of a run that goes on, by what its tape says and what its command line says. */
function going(
  origin: Readonly<Record<string, unknown>>,
  ...args: string[]
): { readonly target: TargetOptions; readonly notes: readonly string[] } {
  const command = withVia(withTarget(new Command('run')));
  command.parse(args, { from: 'user' });
  const notes: string[] = [];
  const target = targetOf(origin, command.opts(), command, (line) => notes.push(line));
  return { target, notes };
}

describe('the target of a run that goes on', () => {
  test('is the one that the tape names', () => {
    const { target, notes } = going({ engine: 'vllm@0.32.0', dialect: 'vllm', model: 'm' });
    const named = { engine: 'vllm@0.32.0', dialect: 'vllm', model: 'm' };
    expect(target).toEqual({ ...named, toldByRecord: true });
    expect(notes).toEqual([]);
    expect(going({ target: 'http://h:1' }, '--model', 'own').target).toMatchObject({
      target: 'http://h:1',
      model: 'own',
    });
  });

  test('is another one when the command line names it', () => {
    const origin = { engine: 'vllm', engineModel: '/m', tokenizer: '/t' };
    const { target, notes } = going(origin, '--target', 'reference');
    expect(target).toEqual({ target: 'reference', dialect: 'auto' });
    expect(notes).toEqual([]);
  });

  test('takes no command, and nothing that is no option of a target', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('engineCommand', 'out', 'report', 'resume', 'toldByRecord', '__proto__'),
          fc.anything(),
        ),
        (origin) => {
          expect(going(origin).target).toEqual({ dialect: 'auto', toldByRecord: true });
        },
      ),
    );
    expect(going({ target: ['x'], fault: [{}], model: 1 }).target).toEqual({
      dialect: 'auto',
      toldByRecord: true,
    });
  });

  test('says which tokenizer the tape names', () => {
    const { target, notes } = going({ target: 'http://h:1', tokenizer: '/etc/\u001B[2Jx' });
    expect(target.tokenizer).toBe('/etc/\u001B[2Jx');
    expect(notes).toEqual(['the tokenizer is the one that the tape names: /etc/‹U+001B›[2Jx']);
    expect(going({ tokenizer: '/a' }, '--tokenizer', '/b')).toMatchObject({
      target: { tokenizer: '/b' },
      notes: [],
    });
  });

  test('is not started with files that only the tape names', () => {
    const origin = { engine: 'llama.cpp', engineModel: '/m/x.gguf', chatTemplate: '/m/it.jinja' };
    expect(() => going(origin)).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: 'only the tape says that an engine is to load /m/x.gguf and /m/it.jinja',
        hint: 'If that is yours, say so: --engine-model /m/x.gguf --chat-template /m/it.jinja',
      }),
    );
    const given = ['--engine-model', '/m/x.gguf'];
    expect(() => going(origin, ...given)).toThrow(/to load \/m\/it\.jinja$/);
    expect(going(origin, ...given, '--chat-template', 'own.jinja').target).toMatchObject({
      engine: 'llama.cpp',
      engineModel: '/m/x.gguf',
      chatTemplate: 'own.jinja',
    });
  });

  test('whose path is no command in the hint', () => {
    for (const path of ['x; rm -rf y', '$(touch x)', '-x', 'a b', "'", '`x`', ''])
      expect(() => going({ engine: 'vllm', engineModel: path })).toThrow(
        expect.objectContaining({ hint: 'If that is yours, say so: --engine-model PATH' }),
      );
  });
});

test('what is kept of a command line names no user and no command', () => {
  expect(
    originOf({
      target: 'http://user:secret@h:1/v1',
      engineCommand: 'run --key secret',
      tokenizer: 'C:/models/tokenizer.json',
      fault: ['cut'],
      seed: 3,
    }),
  ).toEqual({
    target: 'http://h:1/v1',
    tokenizer: 'C:/models/tokenizer.json',
    fault: ['cut'],
  });
});
