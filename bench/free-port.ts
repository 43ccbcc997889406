/** Ports for servers of our own on this machine: benchmarks and tests. */
import { createServer } from 'node:net';

const host = '127.0.0.1';
/** Below the ports that Linux gives to outgoing connections (32,768 and above), so that none of them takes it between two starts. */
const lowest = 12_000;
const count = 20_000;
/** By this process. */
const given = new Set<number>();

/** One that nobody listens on, and that this process was not given before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * count);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
}
