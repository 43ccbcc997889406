/**
 * The append-only file cut anywhere, as power loss and torn writes leave it: every group is wholly there or not at all, each up to
 * the cut is, and so are the tables.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { parseFence, parseMark } from '../../../persistence/redis/fence-text.js';
import { openRedisStore } from '../../../persistence/redis/redis-store.js';
import type { Store } from '../../../persistence/store.js';
import { verifyLog } from '../../../persistence/verify.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { RedisServer } from '../../support/redis-server.js';
import { hasRedis } from '../../support/redis-suite.js';
import { SeededRandom } from '../../support/seeded-random.js';
import { machineClock } from '../embedded-place.js';
import { withClient } from './redis-place.js';

const partitionCount = 3;
const shares = [[0, 1, 2], [1, 2], [0], [0, 1, 2]];
const fileName = path.join('appendonlydir', 'appendonly.aof.1.incr.aof');
/** Each is a start of the server: some 15 ms. A machine that is busy elsewhere does all boundaries and as many of these as it can. */
const randomCuts = 500;
const enoughMs = 30_000;
const seed = Number(process.env.TORN_SEED ?? Date.now() % 1_000_000);

/** What the store must hold when the file is cut at `size` or later, and before the next one. */
interface Moment {
  readonly size: number;
  readonly positions: readonly number[];
  readonly checkpoint: number;
}

if (hasRedis('a torn append-only file')) {
  void t.test(`every cut leaves whole groups (TORN_SEED=${seed})`, { timeout: 110_000 }, async (t) => {
    const redis = await RedisServer.start();
    t.teardown(() => redis.stop());
    const file = path.join(redis.directory, fileName);
    const store = await openRedisStore({ url: redis.url, partitionCount, clock: machineClock });
    const moments = await write(store, () => readFileSync(file).length);
    const whole = readFileSync(file);
    // Only now: closing gives back the lease, after the last moment.
    await store.close();
    const first = moments[0]?.size ?? 0;

    const boundaries = commandEnds(whole, first).flatMap((end) => [end - 1, end, end + 1]);
    const random = new SeededRandom(seed);
    const anywhere = Array.from(
      { length: randomCuts },
      () => first + Math.floor(random.fraction() * (whole.length - first)),
    );
    // Taken from the end.
    const cuts = [...anywhere, ...boundaries].filter((cut) => cut >= first && cut <= whole.length);
    const startedAt = performance.now();
    const isEnough = () => cuts.length < randomCuts && performance.now() - startedAt > enoughMs;
    t.ok(boundaries.length > shares.length * 3 * 6, `${boundaries.length} boundaries ± 1`);
    await redis.kill();
    const wrong: string[] = [];
    const tryCuts = async (): Promise<void> => {
      const directory = mkdtempSync(path.join(tmpdir(), 'troupe-torn-'));
      cpSync(redis.directory, directory, { recursive: true });
      const copy = await RedisServer.start({ directory });
      t.teardown(async () => {
        await copy.stop();
        rmSync(directory, { recursive: true });
      });
      for (let cut = cuts.pop(); cut !== undefined && !isEnough(); cut = cuts.pop()) {
        await copy.kill();
        writeFileSync(path.join(directory, fileName), whole.subarray(0, cut));
        await copy.start();
        const wanted = moments.findLast(({ size }) => size <= (cut as number));
        const found = await withClient(copy.url, contentOf);
        const expected = `${wanted?.positions.join()} ${wanted?.positions.join()} ${wanted?.checkpoint}`;
        if (found !== expected) wrong.push(`cut at ${cut}: ${found}, not ${expected}`);
      }
    };
    const count = cuts.length;
    await Promise.all([tryCuts(), tryCuts(), tryCuts()]);
    t.same(wrong.slice(0, 5), [], `${count - cuts.length} of ${count} cuts`);

    const groupStart = boundaries.findLast((end) => end < whole.length - 1) ?? 0;
    const inLastGroup = Array.from({ length: 8 }, (_, index) => whole.length - 1 - index * 150);
    for (const cut of [first + 1, Math.floor((first + whole.length) / 2), groupStart, ...inLastGroup]) {
      await redis.kill();
      writeFileSync(file, whole.subarray(0, cut));
      await redis.start();
      const wanted = moments.findLast(({ size }) => size <= cut)?.positions ?? [];
      await goOn(t, redis, wanted, `a start after a cut at ${cut}`);
      // What was cut off must not come back with what was appended behind it.
      await redis.kill();
      await redis.start();
      const next = wanted.map((position) => position + 1);
      await goOn(t, redis, next, `the start after that`);
    }
  });
}

/** Everything is there up to the positions, sound, and one more group goes in. */
async function goOn(t: Test, redis: RedisServer, positions: readonly number[], what: string): Promise<void> {
  const store = await openRedisStore({ url: redis.url, partitionCount, clock: machineClock });
  const owner = await LogWriter.take(store, [0, 1, 2], 'owner-next');
  const found = [0, 1, 2].map((partition) => owner.head(partition).position);
  t.same(found, positions, what);
  for (let partition = 0; partition < partitionCount; partition++)
    for await (const damage of verifyLog(store.journal, partition, 1)) t.fail(what, { damage });
  await owner.append([0, 1, 2]);
  await store.close();
}

/** Appends groups with a table commit after each; notes how long the file was when each was acknowledged. */
async function write(store: Store, size: () => number): Promise<Moment[]> {
  const owner = await LogWriter.take(store, [0, 1, 2]);
  const positions = [0, 0, 0];
  let checkpoint = await store.tables.checkpoint(0);
  const moments: Moment[] = [];
  const note = () =>
    moments.push({ size: size(), positions: [...positions], checkpoint: checkpoint.position });
  note();
  for (const share of shares) {
    await owner.append(share);
    for (const partition of share) positions[partition]! += 1;
    note();
    if (!share.includes(0)) continue;
    const fence = owner.fence(0);
    const to = { ...owner.head(0), epoch: fence.epoch };
    const value = Buffer.from(String(to.position));
    const puts = ['a', 'b', 'c'].map((key) => ({ table: 'rows', key, value }));
    const deletes = [{ table: 'rows', key: `gone-${to.position}` }];
    await store.tables.commit({ partition: 0, fence, from: checkpoint, to, puts, deletes });
    checkpoint = to;
    note();
  }
  return moments;
}

/** Positions by the streams, positions by the fences, checkpoint with the rows that go with it. */
async function contentOf(client: Redis): Promise<string> {
  const lengths: number[] = [];
  const heads: number[] = [];
  for (let partition = 0; partition < partitionCount; partition++) {
    lengths.push(Number(await client.xlen(`troupe:{${partition}}:log`)));
    heads.push(parseFence(String(await client.get(`troupe:{${partition}}:fence`))).head.position);
  }
  const checkpoint = parseMark(String(await client.get('troupe:{0}:mark'))).checkpoint.position;
  const rows = await client.hmget('troupe:{0}:t:rows', 'a', 'b', 'c');
  const agree = rows.every((row) => Number(row ?? 0) === checkpoint);
  return `${lengths.join()} ${heads.join()} ${agree ? checkpoint : `${checkpoint} with rows ${rows.join()}`}`;
}

/** Ends of the commands in the file, from an offset on that is one. */
function commandEnds(bytes: Buffer, from: number): number[] {
  const ends: number[] = [];
  for (let at = from; at < bytes.length; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    let args = Number(bytes.toString('latin1', at + 1, lineEnd));
    // A comment: the time, with `aof-timestamp-enabled`.
    if (bytes[at] !== 0x2a) args = 0;
    at = lineEnd + 2;
    for (; args > 0; args--) {
      const end = bytes.indexOf('\r\n', at);
      at = end + 2 + Number(bytes.toString('latin1', at + 1, end)) + 2;
    }
    ends.push(at);
  }
  return ends;
}
