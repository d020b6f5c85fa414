/** A captured stream as a timeline: one line a chunk, when it came and what it said. */
import { parseJson } from '../../parse-json.ts';
import { spelled } from './spelled.ts';
import { html, shortened, type Html } from './template.ts';

/** One chunk of a captured stream. */
export interface CapturedChunk {
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

/** Chunks listed at most. */
const MOST = 80;

/** Marks drawn at most. */
const MOST_MARKS = 400;

const WIDTH = 720;
const HEIGHT = 56;

export function timeline(chunks: readonly CapturedChunk[], name: string): Html {
  const last = chunks.at(-1)?.atMs ?? 0;
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
  const events = eventsOf(chunks);
  const extent = `${chunks.length} ${chunks.length === 1 ? 'chunk' : 'chunks'}, ${events.length} ${events.length === 1 ? 'event' : 'events'}, ${bytes} bytes, the last after ${ms(last)}`;
  return html`<figure>
    <figcaption>The resumed stream as it arrived: ${extent}.</figcaption>
    ${marks(chunks, `Arrival of the stream of ${name}: ${extent}`)}
    <div
      class="scroll"
      tabindex="0"
      role="region"
      aria-label="${`Events of the stream of ${name}`}"
    >
      <table class="events">
        <thead>
          <tr>
            <th scope="col" class="number">after</th>
            <th scope="col">field</th>
            <th scope="col">text</th>
          </tr>
        </thead>
        <tbody>
          ${events.slice(0, MOST).map(
            ({ atMs, field, text }) =>
              html`<tr>
                <td class="number">${ms(atMs)}</td>
                <td>${field}</td>
                <td><code>${spelled(shortened(text, 300))}</code></td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${events.length > MOST && html`<p class="note">${events.length - MOST} more events are left out.</p>`}
  </figure>`;
}

function ms(value: number): string {
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** A line of time with a mark a chunk, as high as it is large. */
function marks(chunks: readonly CapturedChunk[], label: string): Html {
  const last = Math.max(1, chunks.at(-1)?.atMs ?? 1);
  const largest = Math.max(1, ...chunks.slice(0, MOST_MARKS).map((chunk) => chunk.bytes.length));
  const every = Math.ceil(chunks.length / MOST_MARKS);
  const x = (atMs: number): string => ((Math.max(0, atMs) / last) * (WIDTH - 16) + 8).toFixed(1);
  return html`<svg
    class="timeline"
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    role="img"
    aria-label="${label}"
  >
    <line class="axis" x1="8" x2="${WIDTH - 8}" y1="${HEIGHT - 16}" y2="${HEIGHT - 16}" />
    ${chunks
      .filter((_, i) => i % every === 0)
      .map(({ atMs, bytes }) => {
        const height = 6 + (30 * Math.min(bytes.length, largest)) / largest;
        return html`<rect
          class="chunk"
          x="${x(atMs)}"
          y="${(HEIGHT - 16 - height).toFixed(1)}"
          width="2"
          height="${height.toFixed(1)}"
        />`;
      })}
    <text x="8" y="${HEIGHT - 3}">0 ms</text>
    <text x="${WIDTH - 8}" y="${HEIGHT - 3}" text-anchor="end">${ms(last)}</text>
  </svg>`;
}

interface Shown {
  readonly atMs: number;
  /** Where the API says the text belongs, or what kind of line it is. */
  readonly field: string;
  readonly text: string;
}

/** The stream line by line, each with the time at which its end came; what is no event is shown as it is. */
function eventsOf(chunks: readonly CapturedChunk[]): Shown[] {
  const decoder = new TextDecoder();
  const shown: Shown[] = [];
  let rest = '';
  for (const { atMs, bytes } of chunks) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r\n|\r|\n/);
    rest = lines.pop() ?? '';
    shown.push(...lines.filter((line) => line !== '').map((line) => ({ atMs, ...said(line) })));
  }
  rest += decoder.decode();
  if (rest !== '') shown.push({ atMs: chunks.at(-1)?.atMs ?? 0, field: 'unfinished', text: rest });
  return shown;
}

function said(line: string): Omit<Shown, 'atMs'> {
  if (!line.startsWith('data:')) return { field: 'line', text: line };
  const data = line.slice(5).trimStart();
  return deltaOf(data) ?? { field: 'data', text: data };
}

/** The first piece of text in an event of the OpenAI API. */
function deltaOf(data: string): Omit<Shown, 'atMs'> | undefined {
  const choice = choiceOf(data);
  const delta = choice === undefined ? undefined : asObject(choice['delta']);
  for (const field of ['reasoning_content', 'reasoning', 'content'])
    if (typeof delta?.[field] === 'string') return { field, text: delta[field] };
  if (delta?.['tool_calls'] !== undefined)
    return { field: 'tool_calls', text: JSON.stringify(delta['tool_calls']) };
  const finish = choice?.['finish_reason'];
  return typeof finish === 'string' ? { field: 'finish_reason', text: finish } : undefined;
}

function choiceOf(data: string): Record<string, unknown> | undefined {
  try {
    const choices = asObject(parseJson(data))?.['choices'];
    return Array.isArray(choices) ? asObject(choices[0]) : undefined;
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
