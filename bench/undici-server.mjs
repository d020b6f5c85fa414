/**
 * The server of `undici.mjs`: recorded streams, made as long as they are asked for, and as much of
 * the two engines' other routes as it takes to get acquainted. Its bytes are made beforehand.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { loadTokenizer } from '../dist/tokens/tokenizer.js';

const tokenizer = await loadTokenizer('models/thinker/hf/tokenizer.json');
const HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n';
/** Bytes that are written in one piece. */
const PIECE = 1 << 18;
const recorded = { 'llama.cpp': record('llama.cpp'), vllm: record('vllm') };
const made = new Map();

const server = createServer((incoming, response) => {
  const [, dialect, ...path] = incoming.url.split('/');
  let text = '';
  incoming.setEncoding('utf8');
  incoming.on('data', (piece) => (text += piece));
  incoming.on('end', () => {
    const body = text === '' ? {} : JSON.parse(text);
    if (body.stream === true) {
      const { socket } = incoming;
      for (const piece of streamOf(dialect, body.max_tokens)) socket.write(piece);
      socket.end();
    } else {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer(dialect, `/${path.join('/')}`, body)));
    }
  });
});
server.listen(0, '127.0.0.1', () => process.send(`http://127.0.0.1:${server.address().port}`));
process.on('disconnect', () => process.exit());

function record(name) {
  const text = readFileSync(join(import.meta.dirname, 'streams', `${name}.sse`), 'utf8');
  const events = text
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => event.slice('data: '.length));
  const values = events.map((event) => JSON.parse(event));
  return {
    values,
    events,
    thought: values.findIndex(thinks),
    said: values.findIndex(talks),
    end: values.findLastIndex(talks) + 1,
  };
}

function thinks(value) {
  return says(value, 'reasoning_content') || says(value, 'reasoning');
}

function talks(value) {
  return says(value, 'content');
}

function says({ choices }, field) {
  return (choices[0]?.delta[field] ?? '') !== '';
}

/** The stream with its thoughts and its content repeated to so many tokens, in pieces to be written. */
function streamOf(dialect, tokens) {
  const key = `${dialect} ${tokens}`;
  if (!made.has(key)) made.set(key, piecesOf(recorded[dialect], tokens));
  return made.get(key);
}

function piecesOf({ values, events, thought, said, end }, tokens) {
  const around = thought + (values.length - end);
  const middle = Math.max(2, tokens - around);
  const half = middle >> 1;
  const order = [
    ...range(0, thought),
    ...Array.from({ length: half }, (_, i) => thought + (i % (said - thought))),
    ...Array.from({ length: middle - half }, (_, i) => said + (i % (end - said))),
    ...range(end, values.length),
  ];
  let generated = 0;
  let from = 0;
  const pieces = [Buffer.from(HEAD)];
  let open = [];
  let size = 0;
  for (const at of [...order, undefined]) {
    const event = at === undefined ? '[DONE]' : renumbered(at);
    const sent = `data: ${event}\n\n`;
    const chunk = Buffer.from(`${Buffer.byteLength(sent).toString(16)}\r\n${sent}\r\n`);
    open.push(chunk);
    size += chunk.length;
    if (size < PIECE && at !== undefined) continue;
    if (at === undefined) open.push(Buffer.from('0\r\n\r\n'));
    pieces.push(Buffer.concat(open));
    [open, size] = [[], 0];
  }
  return pieces;

  function renumbered(at) {
    const count = countOf(values[at]);
    // A repeated event stands for as many tokens as it did where it was recorded.
    const before = countOf(values[at - 1]) ?? 0;
    if (count !== undefined) generated += at === from + 1 || at === 0 ? count - before : 1;
    from = at;
    return events[at]
      .replace(/"predicted_n":\d+/, `"predicted_n":${generated}`)
      .replace(/"completion_tokens":\d+/, `"completion_tokens":${generated}`);
  }
}

/** Tokens generated when an event was sent. */
function countOf(value) {
  return value?.timings?.predicted_n;
}

function range(from, to) {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function answer(dialect, path, body) {
  const [first] = recorded[dialect].values;
  switch (path) {
    case '/props':
      return { chat_template: '{{ messages }}', build_info: 'bench' };
    case '/version':
      return { version: '0.32.0' };
    case '/v1/models':
      return { data: [{ id: 'thinker', max_model_len: 1 << 20 }] };
    case '/tokenize': {
      if (body.messages !== undefined) return { tokens: first.prompt_token_ids };
      const texts = [body.prompt ?? body.content].flat();
      const ids = (piece) => (typeof piece === 'string' ? tokenizer.encode(piece) : [piece]);
      return { tokens: texts.flatMap(ids) };
    }
    default:
      return { choices: [{ message: { content: '' } }], prompt_token_ids: first.prompt_token_ids };
  }
}
