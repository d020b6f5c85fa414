/**
 * Faults of the client. The harness is the client here, so they are planted between its plan and
 * its requests: the target that it talks through sends something else than it was told to.
 */
import type {
  Answer,
  ChatRequest,
  Prefill,
  ReadOptions,
  Rendered,
  SamplingOptions,
  Target,
} from '../dialects/dialect.ts';
import { ForwardingTarget } from '../dialects/forward.ts';
import type { ClientFault } from './fault-catalogue.ts';
import { Plan, type PlantedFault } from './faults.ts';

/** A change of what is sent back; undefined when no message is sent at all. */
type PrefillChange = (prefill: Prefill) => Prefill | undefined;

const CHANGES: Readonly<Record<ClientFault, PrefillChange>> = {
  'client-breaks-character': (prefill) =>
    changeTexts(prefill, (text) => text.replace(/[^\p{ASCII}]$/u, '\uFFFD')),
  'client-trims-whitespace': (prefill) => changeTexts(prefill, (text) => text.trim()),
  'client-misnames-reasoning': (prefill) =>
    prefill.reasoning === undefined
      ? prefill
      : withWire(prefill, { reasoning_content: undefined, reasoning_text: prefill.reasoning }),
  'client-omits-content': (prefill) =>
    prefill.reasoning !== undefined && prefill.content === ''
      ? withWire(prefill, { content: undefined })
      : prefill,
  'client-sends-empty': () => ({ content: '' }),
  'client-drops-message': () => undefined,
};

/** The target as a faulty client reaches it; the target itself when no such fault is planted. */
export function throughFaultyClient(
  target: Target,
  faults: readonly PlantedFault[],
  seed: number,
): Target {
  const plan = new Plan(faults, seed);
  const changes = Object.entries(CHANGES) as [ClientFault, PrefillChange][];
  const planted = changes.filter(([name]) => plan.planted(name));
  if (planted.length === 0) return target;
  return new FaultyClient(target, (request) => {
    const { prefill, flags: _, ...rest } = request;
    if (prefill === undefined) return request;
    const key = JSON.stringify(request);
    let sent: Prefill | undefined = prefill;
    for (const [name, change] of planted)
      if (sent !== undefined && plan.strikes(name, key)) sent = change(sent);
    return sent === undefined ? rest : { ...request, prefill: sent };
  });
}

function changeTexts(prefill: Prefill, change: (text: string) => string): Prefill {
  return {
    ...prefill,
    content: change(prefill.content),
    ...(prefill.reasoning === undefined ? {} : { reasoning: change(prefill.reasoning) }),
  };
}

function withWire(prefill: Prefill, wire: Readonly<Record<string, unknown>>): Prefill {
  return { ...prefill, wire: { ...prefill.wire, ...wire } };
}

class FaultyClient extends ForwardingTarget {
  readonly #change: (request: ChatRequest) => ChatRequest;

  constructor(target: Target, change: (request: ChatRequest) => ChatRequest) {
    super(target);
    this.#change = change;
  }

  override async chat(
    request: ChatRequest,
    sampling: SamplingOptions,
    read: ReadOptions,
  ): Promise<Answer> {
    return await super.chat(this.#change(request), sampling, read);
  }

  override async render(request: ChatRequest, signal: AbortSignal): Promise<Rendered> {
    return await super.render(this.#change(request), signal);
  }
}
