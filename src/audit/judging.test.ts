/** The judging as a pure function of what a client sent: right clients pass, each wrong one fails where it is wrong. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeTrial, type Judged } from './checks/catalogue.ts';
import type { AuditCheckName, Observation } from './checks/check.ts';
import type { Message } from './conversation.ts';
import { hasEdges } from './compare.ts';
import type { Delivered } from './delivered.ts';
import { got, history, NOTHING, observed, text, turn, whole } from './fixtures.test-help.ts';
import { INTERRUPTION_NAMES } from './plan.ts';

const REST: Delivered = { ...NOTHING, content: ' and this is the rest of it.', finish: 'stop' };
const ASKED: Message = { role: 'user', content: 'Go on.', calls: [] };

function failed(seen: Observation): AuditCheckName[] {
  return judgeTrial(seen)
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ check }) => check);
}

function judged(seen: Observation, name: AuditCheckName): Judged {
  const found = judgeTrial(seen).find(({ check }) => check === name);
  if (found === undefined) throw new Error(`no check ${name}`);
  return found;
}

/** A broken turn, and one more request. */
function resumedWith(
  before: readonly Message[],
  held: Delivered,
  back: readonly Message[],
  more: Partial<Observation> = {},
): Observation {
  const turns = [turn(0, before, held, 'interrupted'), turn(1, [...before, ...back], REST)];
  return observed('mid-content', turns, more);
}

/** How the client ended, where it must no more than say that it failed. */
function ended(status: number, timedOut = false): Partial<Observation> {
  return { expect: 'notice', commands: [{ status, timedOut, saidFailure: false, stdout: '' }] };
}

/** An answer as a client prints it that prints JSON. */
function json(answer: string): string {
  return `{"text":${JSON.stringify(answer)}}\n`;
}

describe('a client that sends back all that it was given', () => {
  test('fails nowhere, whatever the texts and the interruption', () => {
    fc.assert(
      fc.property(history, got, fc.constantFrom(...INTERRUPTION_NAMES), (before, held, name) => {
        const complete = name === 'done-missing';
        const nothing = name === 'reset' || name === 'rate-limited';
        const given = complete ? { ...held, finish: 'stop' } : nothing ? NOTHING : held;
        const struck = turn(0, before, given, 'interrupted');
        const back = nothing ? [] : [whole(given)];
        const after = {
          ...turn(1, [...before, ...back], REST, name === 'prefill-refused' ? 'refused' : 'whole'),
          atMs: 2000,
        };
        const turns = complete
          ? [struck]
          : name === 'prefill-refused'
            ? [struck, after, turn(2, before, REST)]
            : [struck, after];
        expect(failed(observed(name, turns))).toEqual([]);
      }),
    );
  });

  test('is seen to resume, whole, with its reasoning in a field', () => {
    fc.assert(
      fc.property(history, got, (before, held) => {
        const seen = resumedWith(before, held, [whole(held)]);
        for (const name of ['resumes', 'prefill-whole', 'reasoning-kept', 'own-prefill'] as const)
          expect(judged(seen, name).verdict).toBe('pass');
        expect(judged(seen, 'reasoning-kept').detail).toBe('in reasoning_content');
        expect(judged(seen, 'edge-whitespace').verdict).toBe(
          hasEdges(held.reasoning) || hasEdges(held.content) ? 'pass' : 'not-seen',
        );
      }),
    );
  });

  test('may put the reasoning between think tags', () => {
    fc.assert(
      fc.property(history, got, (before, held) => {
        const back: Message = {
          ...whole(held),
          reasoning: { text: held.reasoning.trim(), field: 'inline' },
        };
        expect(failed(resumedWith(before, held, [back]))).toEqual([]);
      }),
    );
  });
});

describe('a client that', () => {
  test('trims fails where there was something to trim, and nowhere else', () => {
    fc.assert(
      fc.property(history, got, (before, held) => {
        const back = whole({
          ...held,
          reasoning: held.reasoning.trim(),
          content: held.content.trim(),
        });
        const wrong = failed(resumedWith(before, held, [back]));
        expect(wrong).toEqual(
          hasEdges(held.reasoning) || hasEdges(held.content)
            ? ['prefill-whole', 'edge-whitespace']
            : [],
        );
      }),
    );
  });

  test('drops the reasoning fails reasoning-kept alone', () => {
    fc.assert(
      fc.property(history, got, text, (before, held, content) => {
        const spoken = { ...held, content };
        const seen = resumedWith(before, spoken, [whole({ ...spoken, reasoning: '' })]);
        expect(failed(seen)).toEqual(['reasoning-kept']);
        expect(judged(seen, 'reasoning-kept').cause).toBe('client-drops-reasoning');
      }),
    );
  });

  test('sends the reasoning under another name fails reasoning-kept alone', () => {
    fc.assert(
      fc.property(history, got, (before, held) => {
        const back: Message = {
          ...whole(held),
          reasoning: { text: held.reasoning, field: 'reasoning' },
        };
        const seen = resumedWith(before, held, [back]);
        expect(failed(seen)).toEqual(['reasoning-kept']);
        expect(judged(seen, 'reasoning-kept').cause).toBe('reasoning-misnamed');
      }),
    );
  });

  test('sends an empty message fails no-empty-assistant, wherever it stands', () => {
    fc.assert(
      fc.property(history, got, fc.boolean(), (before, held, closed) => {
        const empty: Message = { role: 'assistant', content: '', calls: [] };
        const seen = resumedWith(before, held, closed ? [empty, ASKED] : [empty]);
        expect(failed(seen)).toContain('no-empty-assistant');
        expect(failed(seen)).toContain('resumes');
      }),
    );
  });

  test('sends a text twice fails no-duplicates', () => {
    fc.assert(
      fc.property(history, got, text, (before, held, content) => {
        const back = whole({ ...held, content: content + content });
        const seen = resumedWith(before, { ...held, content }, [back]);
        expect(failed(seen)).toEqual(['prefill-whole', 'no-duplicates']);
      }),
    );
  });

  test('starts over fails where it is held to resume, and only there', () => {
    fc.assert(
      fc.property(history, got, (before, held) => {
        expect(failed(resumedWith(before, held, []))).toEqual(['resumes']);
        expect(failed(resumedWith(before, held, [], { expect: 'recover' }))).toEqual([]);
      }),
    );
  });

  test('ends in silence took the break for a finish; one that says so did not', () => {
    fc.assert(
      fc.property(history, got, fc.integer({ min: 1, max: 255 }), (before, held, status) => {
        const turns = [turn(0, before, held, 'interrupted')];
        expect(failed(observed('no-done', turns, ended(0)))).toContain('break-noticed');
        expect(failed(observed('no-done', turns, ended(status)))).toEqual([]);
        // A client that was ended by the clock has shown nothing.
        const late = observed('no-done', turns, ended(0, true));
        expect(failed(late)).toEqual([]);
        expect(judged(late, 'break-noticed').verdict).toBe('not-seen');
      }),
    );
  });

  test('ends its request with words of its own fails own-prefill', () => {
    fc.assert(
      fc.property(history, got, (before, held) => {
        const own: Message = { role: 'assistant', content: 'CRITICAL: stop here.', calls: [] };
        const seen = resumedWith(before, held, [whole(held), ASKED, own]);
        expect(failed(seen)).toEqual(expect.arrayContaining(['own-prefill']));
        const twice = resumedWith(before, held, [whole(held), own]);
        expect(failed(twice)).toEqual(expect.arrayContaining(['own-prefill', 'roles-alternate']));
      }),
    );
  });

  test('sends a refused message again, or gives up, has no other way', () => {
    const before: Message[] = [ASKED];
    const held = { ...NOTHING, content: 'The answer is ' };
    const again = [
      turn(0, before, held, 'interrupted'),
      turn(1, [...before, whole(held)], NOTHING, 'refused'),
      turn(2, [...before, whole(held)], NOTHING, 'refused'),
    ];
    expect(failed(observed('prefill-refused', again))).toContain('refusal-handled');
    expect(failed(observed('prefill-refused', again.slice(0, 2)))).toContain('refusal-handled');
    const other = [...again.slice(0, 2), turn(2, before, REST)];
    expect(failed(observed('prefill-refused', other))).toEqual([]);
  });

  test('asks too early or too often is seen by the clock and the count', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4000 }), fc.integer({ min: 1, max: 12 }), (ms, n) => {
        const early = [
          { ...turn(0, [ASKED], NOTHING, 'interrupted'), endMs: 0 },
          { ...turn(1, [ASKED], REST), atMs: ms },
        ];
        expect(failed(observed('rate-limited', early)).includes('retry-after-kept')).toBe(ms < 950);
        const many = Array.from({ length: n + 1 }, (_, i) =>
          turn(i, [ASKED], NOTHING, i === 0 ? 'interrupted' : 'server-failed'),
        );
        expect(failed(observed('reset', many)).includes('attempts')).toBe(n > 5);
      }),
    );
  });

  test('answers an unfinished tool call took it for a whole one', () => {
    const call = { name: 'get_weather', arguments: '{"city": "Os' };
    const held = { ...NOTHING, calls: [call] };
    const back: Message[] = [
      { role: 'assistant', content: '', calls: [call] },
      { role: 'tool', content: 'error', calls: [] },
    ];
    const turns = [turn(0, [ASKED], held, 'interrupted'), turn(1, [ASKED, ...back], REST)];
    expect(failed(observed('mid-tool-call', turns))).toContain('break-noticed');
  });

  test('asks again for a whole answer wastes it', () => {
    fc.assert(
      fc.property(history, got, (before, held) => {
        const turns = [
          turn(0, before, { ...held, finish: 'stop' }, 'interrupted'),
          turn(1, before, REST),
        ];
        expect(failed(observed('done-missing', turns))).toEqual(['complete-accepted']);
      }),
    );
  });
});

describe('what the client prints', () => {
  const content = 'The sum of 1 and 2 is three.';
  const held: Delivered = { ...NOTHING, content: 'The sum of 1 and' };
  const rest: Delivered = { ...NOTHING, content: ' 2 is three.', finish: 'stop' };
  const printed = (stdout: string, as = (answer: string): string => answer): Observation =>
    observed(
      'mid-content',
      [turn(0, [ASKED], held, 'interrupted'), turn(1, [ASKED, whole(held)], rest)],
      {
        control: { content, stdout: as(content) },
        commands: [{ status: 0, timedOut: false, saidFailure: false, stdout }],
      },
    );

  test('must be the stitched answer, once', () => {
    expect(failed(printed(content))).toEqual([]);
    expect(judged(printed(content), 'answer-whole').verdict).toBe('pass');
    expect(failed(printed(rest.content))).toEqual(['answer-whole']);
    expect(failed(printed(held.content + content))).toEqual(['no-duplicates']);
  });

  test('is read in JSON too, and not judged where the client prints no answer at all', () => {
    expect(judged(printed(json(content), json), 'answer-whole').verdict).toBe('pass');
    const parts = json(held.content) + json(rest.content);
    expect(judged(printed(parts, json), 'answer-whole').verdict).toBe('pass');
    expect(judged(printed(json(rest.content), json), 'answer-whole').verdict).toBe('fail');
    expect(
      judged(
        printed('done', () => 'done'),
        'answer-whole',
      ).verdict,
    ).toBe('not-seen');
  });
});

test('without an interruption no check of a reaction has anything to say', () => {
  fc.assert(
    fc.property(history, (before) => {
      const seen = observed('mid-content', [turn(1, before, REST)], { sequel: undefined });
      const verdicts = new Map(judgeTrial(seen).map(({ check, verdict }) => [check, verdict]));
      for (const name of ['break-noticed', 'resumes', 'prefill-whole', 'attempts'] as const)
        expect(verdicts.get(name)).toBe('not-seen');
    }),
  );
});
