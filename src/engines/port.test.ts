import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePort, LOOPBACK, requireFreePort } from './port.ts';

test('a free port is free', async () => {
  await expect(requireFreePort(await freePort())).resolves.toBeUndefined();
});

test('a port in use is refused', async () => {
  const port = await freePort();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, LOOPBACK, resolve));
  try {
    await expect(requireFreePort(port)).rejects.toMatchObject({
      code: 'engine',
      message: `port ${port} on 127.0.0.1 cannot be used`,
    });
  } finally {
    server.close();
  }
});
