import { expect, test } from 'vitest';
import { encode, FakeTarget, HEADER, subjectOf, THINKING } from '../seam/fixtures.test-help.ts';
import { strategiesNamed } from '../seam/named.ts';
import { viewAt } from '../seam/view.ts';
import { chatResume, renderResume } from './resume.ts';

const { signal } = new AbortController();
const { markup } = subjectOf(THINKING);
const K = 4;
const HELD = { generation: THINKING, markup, k: K, view: viewAt(THINKING, K) };

function resumeOf(name: string): ReturnType<typeof chatResume> {
  const [strategy] = strategiesNamed([name]);
  return strategy && chatResume(strategy, HELD);
}

test('only a strategy that sends a chat has a request of one', () => {
  expect(resumeOf('reasoning-field')?.request.prefill).toBeDefined();
  expect(resumeOf('raw-text')).toBeUndefined();
});

test('a text is its own prompt, and the server tells its ids', async () => {
  const target = new FakeTarget(THINKING);
  const text = `${HEADER}<think>\nTwo`;
  const rendered = await renderResume(target, { kind: 'text', text }, signal);
  expect(rendered).toEqual({ ids: encode(text), text, source: 'server', requests: [] });
});

test('a chat is rendered as the server renders it', async () => {
  const target = new FakeTarget(THINKING);
  const resume = resumeOf('reasoning-field');
  if (resume === undefined) throw new Error('no chat');
  const rendered = await renderResume(target, resume, signal);
  expect(rendered).toEqual(await target.render(resume.request));
});
