/**
 * What a Redis server used, read from itself.
 */
import { Redis } from 'ioredis';

/** As the README tells to start it: each rewrite of the file copies what is changed meanwhile, and competes for the processor. */
export const serverArguments = ['--auto-aof-rewrite-min-size', '512mb', '--rdbcompression', 'no'];

/** One reading; differences of two are what happened between them. */
export interface RedisReading {
  readonly cpuSeconds: number;
  readonly usedBytes: number;
  /** Calls and processor seconds inside of them, by command. */
  readonly commands: ReadonlyMap<string, { readonly calls: number; readonly seconds: number }>;
}

export interface RedisUse {
  /** 100 % being one core. */
  readonly cpuPercent: number;
  readonly cpuSeconds: number;
  readonly grownBytes: number;
  /** The part of the time that was spent inside commands of either kind. */
  readonly commandSeconds: ReadonlyMap<string, number>;
}

export async function readRedis(url: string): Promise<RedisReading> {
  const client = new Redis(url, { lazyConnect: true });
  await client.connect();
  try {
    const info = await client.info('all');
    const number = (name: string): number =>
      Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? 0);
    const commands = new Map<string, { calls: number; seconds: number }>();
    for (const [, name, calls, usec] of info.matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm))
      commands.set(name as string, { calls: Number(calls), seconds: Number(usec) / 1e6 });
    return {
      cpuSeconds: number('used_cpu_sys') + number('used_cpu_user'),
      usedBytes: number('used_memory'),
      commands,
    };
  } finally {
    client.disconnect();
  }
}

export function redisUse(before: RedisReading, after: RedisReading, seconds: number): RedisUse {
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
  const commandSeconds = new Map<string, number>();
  for (const [name, { seconds: last }] of after.commands)
    commandSeconds.set(name, last - (before.commands.get(name)?.seconds ?? 0));
  return {
    cpuPercent: (cpuSeconds / seconds) * 100,
    cpuSeconds,
    grownBytes: after.usedBytes - before.usedBytes,
    commandSeconds,
  };
}
