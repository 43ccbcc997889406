/**
 * Watches the memory of the server: warns, and says that no new data are taken, before Redis itself refuses (`OOM`).
 */
import type { StoreReport } from '../store-report.js';
import type { RedisConnection } from './redis-connection.js';
import { type MemoryLevel, memoryLevel, memoryOf } from './server-check.js';
import { parseInfo } from './server-info.js';

export class MemoryGuard {
  readonly #connection: RedisConnection;
  readonly #report: StoreReport;
  #level: MemoryLevel = 'enough';
  #freeBytes = 0;

  constructor(connection: RedisConnection, report: StoreReport) {
    this.#connection = connection;
    this.#report = report;
  }

  /** Without a connection the last answer stands: whether anything is taken then shows at the append. */
  async measure(): Promise<{ readonly freeBytes: number; readonly acceptsWrites: boolean }> {
    if (this.#connection.isReady) {
      try {
        const memory = memoryOf(parseInfo(String(await this.#connection.send('INFO', ['memory']))));
        this.#freeBytes = Math.max(0, memory.limitBytes - memory.usedBytes);
        this.#note(memoryLevel(memory), memory);
      } catch (error) {
        this.#report('debug', 'redis-memory-unknown', { message: String(error) });
      }
    }
    return { freeBytes: this.#freeBytes, acceptsWrites: this.#level !== 'refuse' };
  }

  #note(level: MemoryLevel, memory: { readonly usedBytes: number; readonly limitBytes: number }): void {
    if (level === this.#level) return;
    const names = { enough: 'redis-memory-enough', warn: 'redis-memory-short', refuse: 'redis-memory-full' };
    this.#report(level === 'enough' ? 'info' : level === 'warn' ? 'warn' : 'error', names[level], {
      ...memory,
    });
    this.#level = level;
  }
}
