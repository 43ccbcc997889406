/** Ports for servers of our own on this machine: benchmarks and tests. */
import { createServer } from 'node:net';

const host = '127.0.0.1';
/** Below the ports that Linux gives to outgoing connections (32,768 and above), so that none of them takes it between two starts. */
const lowest = 12_000;
const count = 20_000;
/** By this process. */
const given = new Set<number>();

/** One that nobody listens on, and that this process was not given before. Rejects when there is none, or nobody may listen. */
export async function freePort(): Promise<number> {
  while (given.size < count) {
    const port = lowest + Math.floor(Math.random() * count);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port is free from ${lowest} to ${lowest + count - 1}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
}
