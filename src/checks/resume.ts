/**
 * A resume and its prompt check: from what a client holds to the request that it sends, the prompt
 * that the server makes of it, and whether that is the prompt of a kept generation. The judge of a
 * campaign and the client `resume()` both go this way, so that what is tested is what is shipped.
 */
import type { Rendered, Target } from '../dialects/dialect.ts';
import type { CutClass } from '../seam/classes.ts';
import type { Held, Resume, Strategy } from '../seam/strategy.ts';
import { checkPrompt, type PromptEvidence } from './prompt.ts';

/** A resume that a server makes a prompt of. */
export type PromptedResume = Exclude<Resume, { readonly kind: 'ids' }>;

/** A resume whose prompt has been looked at. Nothing has been generated for it. */
export interface CheckedResume<R extends PromptedResume = PromptedResume> {
  readonly resume: R;
  readonly rendered: Rendered;
  readonly prompt: PromptEvidence & { readonly text: string | undefined };
}

/** Asks a target for the prompt of a resume. */
export async function renderResume(
  target: Target,
  resume: PromptedResume,
  signal: AbortSignal,
): Promise<Rendered> {
  if (resume.kind === 'chat') return await target.render(resume.request, signal);
  return {
    ids: await target.encode(resume.text, signal),
    text: resume.text,
    source: 'server',
    requests: [],
  };
}

/**
 * Renders a resume and compares its prompt with the kept tokens.
 *
 * @param cuts the cuts that what is held can stand for
 * @param render how to get the prompt; `renderResume`, or a memory of it
 * @throws whatever `render` throws: `Refusal` where the server will not make a prompt of it
 */
export async function checkResume<R extends PromptedResume>(
  resume: R,
  { generation }: Pick<Held, 'generation'>,
  cuts: CutClass,
  render: (resume: R) => Promise<Rendered>,
): Promise<CheckedResume<R>> {
  const rendered = await render(resume);
  const prompt = { ...checkPrompt(generation, cuts, rendered.ids), text: rendered.text };
  return { resume, rendered, prompt };
}

/** The chat request that a strategy makes of what is held; undefined when it does not send a chat. */
export function chatResume(
  strategy: Strategy,
  held: Held,
): Extract<Resume, { readonly kind: 'chat' }> | undefined {
  const resume = strategy.resume(held);
  return resume.kind === 'chat' ? resume : undefined;
}
