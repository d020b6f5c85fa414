/**
 * A small client of a chat API that resumes what was broken. `habits` are the ways in which the
 * clients beside this file differ from the right one.
 */
const BASE = process.env.OPENAI_BASE_URL;
const PROMPT = process.env.SEAMSTRESS_AUDIT_PROMPT;
/** Shorter than the audit's own patience with a stall. */
const IDLE_MS = 3000;
const ATTEMPTS = 5;
const TOOLS = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'The weather in a city.',
      parameters: {
        type: 'object',
        properties: { city: { type: 'string' }, unit: { type: 'string' } },
        required: ['city', 'unit'],
      },
    },
  },
];

/** One request; what came of it until it ended or broke. */
async function ask(messages) {
  const got = { reasoning: '', content: '', calls: [], finish: undefined, refused: undefined };
  const quiet = new AbortController();
  let timer;
  const touch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => quiet.abort(), IDLE_MS);
  };
  try {
    touch();
    const response = await fetch(`${BASE}/chat/completions`, {
      method: 'POST',
      signal: quiet.signal,
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${process.env.OPENAI_API_KEY}`,
      },
      body: JSON.stringify({
        model: process.env.OPENAI_MODEL,
        stream: true,
        temperature: 0,
        messages,
        tools: TOOLS,
      }),
    });
    if (!response.ok) {
      got.refused = {
        status: response.status,
        waitMs: 1000 * Number(response.headers.get('retry-after') ?? 0),
      };
      return got;
    }
    let text = '';
    const decoder = new TextDecoder();
    for await (const bytes of response.body) {
      touch();
      text += decoder.decode(bytes, { stream: true });
      const events = text.split('\n\n');
      text = events.pop();
      for (const event of events) if (!take(event, got)) return got;
    }
  } catch {
    // Broken off: what was got so far is what there is.
  } finally {
    clearTimeout(timer);
  }
  return got;
}

/** Takes an event in; false after an error event. */
function take(event, got) {
  const data = event.replace(/^data: /, '');
  if (data === '[DONE]') return true;
  const { choices, error } = JSON.parse(data);
  if (error !== undefined) return false;
  const [choice] = choices;
  const { reasoning_content, content, tool_calls } = choice?.delta ?? {};
  got.reasoning += reasoning_content ?? '';
  got.content += content ?? '';
  for (const { index, id, function: called } of tool_calls ?? []) {
    const call = (got.calls[index] ??= { id, name: '', arguments: '' });
    call.name += called?.name ?? '';
    call.arguments += called?.arguments ?? '';
  }
  got.finish ??= choice?.finish_reason ?? undefined;
  return true;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What is sent back, where nothing is wrong with the client. */
const whole = ({ reasoning, content }) => ({
  role: 'assistant',
  content,
  ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
});

/** Asks until the answer is whole, and prints it. */
export async function main(habits = {}) {
  const { back = whole, resumes = true, notices = true, repeats = false } = habits;
  const messages = [{ role: 'user', content: PROMPT }];
  let held = { reasoning: '', content: '' };
  let prefills = true;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const holds = held.reasoning !== '' || held.content !== '';
    const trailing = holds && prefills && resumes ? [back(held)] : [];
    if (trailing.length === 0) held = { reasoning: '', content: '' };
    const got = await ask([...messages, ...trailing]);
    if (got.refused?.status === 429) {
      await sleep(got.refused.waitMs);
      continue;
    }
    if (got.refused !== undefined) {
      if (trailing.length === 0) break;
      prefills = false;
      continue;
    }
    const complete = got.finish !== undefined || !notices;
    if (repeats) process.stdout.write(got.content);
    if (complete && got.finish === 'tool_calls') {
      messages.push({
        ...whole({
          reasoning: held.reasoning + got.reasoning,
          content: held.content + got.content,
        }),
        tool_calls: got.calls.map(({ id, name, arguments: text }) => ({
          id,
          type: 'function',
          function: { name, arguments: text },
        })),
      });
      for (const { id } of got.calls)
        messages.push({ role: 'tool', tool_call_id: id, content: 'Sunny, 21 °C' });
      held = { reasoning: '', content: '' };
      attempt = -1;
      continue;
    }
    // An unfinished call cannot be sent back.
    if (!complete && got.calls.length > 0) {
      held = { reasoning: '', content: '' };
      continue;
    }
    held = { reasoning: held.reasoning + got.reasoning, content: held.content + got.content };
    if (!complete || (held.content === '' && notices)) continue;
    if (!repeats) process.stdout.write(held.content);
    return;
  }
  console.error('no whole answer');
  process.exitCode = 1;
}
