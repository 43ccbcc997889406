/** An actor whose code does not return parks itself and nobody else (I17): H2, H3 of `ops/thread-shards.ts`, S1, S2 of `ops/strike-file.ts`. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { partitionOf, placementHash } from '../../actors/model/address.js';
import { freePort } from '../../bench/free-port.js';
import type { HttpClient } from '../../bench/http-client.js';
import { StrikeFile, strikesIn } from '../../ops/strike-file.js';
import { actorHash } from '../../persistence/entry.js';
import type { ActorHashes } from '../../runtime/actor/strike-book.js';
import { defaultLimits } from '../../runtime/limits.js';
import { connectTo, temporaryDirectory } from '../support/server.js';
import { Program } from './support/program.js';

const app = fileURLToPath(new URL('./fixtures/counter-app.js', import.meta.url));
const partitionCount = 16;

/** A supervised server and a caller who repeats each request, under its key, until the answer is definite. */
class Place {
  readonly data: string;
  readonly #port: number;
  readonly #args: readonly string[];
  readonly #client: HttpClient;
  #token = '';

  private constructor(t: Test, data: string, port: number, args: readonly string[]) {
    this.data = data;
    this.#port = port;
    this.#args = args;
    this.#client = connectTo(t, { host: '127.0.0.1', port }, 1);
  }

  static async make(t: Test, ...args: string[]): Promise<Place> {
    return new Place(t, path.join(temporaryDirectory(t), 'data'), await freePort(), args);
  }

  async start(t: Test): Promise<Program> {
    const place = ['--data', this.data, '--port', String(this.#port), '--app', app];
    const program = new Program('ops/cli.js', ['start', ...place, ...this.#args]);
    t.teardown(() => program.end());
    await program.saying(/"event":"ready"/);
    const user = ['--user', 'alice', '--role', 'bench', '--data', this.data];
    this.#token ||= (await new Program('ops/cli.js', ['token', ...user]).ended).stdout.trim();
    return program;
  }

  /** The answer's status and body. */
  async ask(
    id: string,
    command: string,
    payload: unknown,
    idempotencyKey = `${command}-${id}`,
  ): Promise<string> {
    const path = `/api/v1/actors/counter/${id}/${command}`;
    const body = JSON.stringify(payload);
    const parts = { method: 'POST', path, token: this.#token, idempotencyKey, body } as const;
    for (;;) {
      const reply = await this.#client.ask(parts);
      if (reply.type === 'lost') continue;
      const { status, body } = reply.answer;
      if (!/"code":"(outcome-unknown|shutting-down)"/.test(body)) return `${status} ${body}`;
    }
  }
}

t.test(
  'a looping durable message parks its actor at the third strike, and all others are served',
  async (t) => {
    const place = await Place.make(t, '--shards', '2');
    const [sender, target] = onTwoShards();
    // One of the three, so that two restarts are left: where it runs first, and where the log brings it back.
    openStrikes(place.data).add(hashesOf(target), Date.now());
    const program = await place.start(t);
    t.match(await place.ask(target, 'add', { amount: 5 }), /^200/);
    t.match(
      await place.ask(sender, 'passLoop', { to: target }),
      /^200/,
      'acknowledged: the message is durable',
    );
    await program.saying(new RegExp(`"id":"${target}","event":"actor-parked"`));
    t.equal(program.stdout.match(/"event":"server-restarting"/g)?.length, 2);
    t.match(await place.ask(target, 'add', { amount: 5 }, 'again'), /^503 .*"actor-parked"/);
    t.match(await place.ask(sender, 'add', { amount: 0 }), /^200 .*"total":1\b/);
    program.kill();
    t.match(await program.ended, { code: 0 });

    const next = await place.start(t);
    t.match(
      await place.ask(target, 'add', { amount: 5 }, 'once-more'),
      /^200 .*"total":10\b/,
      'forgotten by the stop',
    );
    next.kill();
    t.match(await next.ended, { code: 0 });
  },
);

t.test('a looping command from outside ends its process, and the third strike parks its actor', async (t) => {
  const place = await Place.make(t);
  const strikes = openStrikes(place.data);
  for (let count = 0; count < 2; count++) strikes.add(hashesOf('a'), Date.now());
  const program = await place.start(t);
  t.match(await place.ask('a', 'add', { amount: 5 }), /^200/);
  t.match(await place.ask('a', 'loop', {}), /^503 .*"actor-parked"/);
  t.match(await place.ask('b', 'add', { amount: 1 }), /^200/);
  t.equal(program.stdout.match(/"event":"server-restarting"/g)?.length, 1);
});

t.test('a command that takes all memory ends its thread alone, and its actor gets the strike', async (t) => {
  const place = await Place.make(t, '--memory-budget', '16mb');
  const strikes = openStrikes(place.data);
  for (let count = 0; count < 2; count++) strikes.add(hashesOf('a'), Date.now());
  const program = await place.start(t);
  t.match(await place.ask('a', 'hoard', {}), /^503 .*"actor-parked"/);
  t.match(program.stdout, /"event":"shard-lost"/);
  // Where there is hardly any processor time, the watchdog comes first.
  t.match(program.stdout, /ERR_WORKER_OUT_OF_MEMORY|shard-hung/);
  t.match(await place.ask('b', 'add', { amount: 1 }), /^200/);
});

t.test('a throw that leaves its turn ends the thread, and its actor gets the strike', async (t) => {
  const place = await Place.make(t);
  const strikes = openStrikes(place.data);
  for (let count = 0; count < 2; count++) strikes.add(hashesOf('a'), Date.now());
  const program = await place.start(t);
  t.match(await place.ask('a', 'shatter', {}), /^503 .*"actor-parked"/);
  t.match(program.stdout, /shatter was told to throw/);
  t.match(await place.ask('b', 'add', { amount: 1 }), /^200/);
  t.equal(program.stdout.match(/"event":"server-restarting"/g)?.length, 1);
});

function openStrikes(data: string): StrikeFile {
  const { strikeMemoryMs } = defaultLimits;
  return new StrikeFile({ file: strikesIn(data), now: Date.now(), strikeMemoryMs, report: () => {} });
}

function hashesOf(id: string): ActorHashes {
  return { placement: placementHash(id), hash: actorHash('counter', id) };
}

/** Ids of actors that two shards own. */
function onTwoShards(): readonly [string, string] {
  const shardOfId = (id: string): number => partitionOf(id, partitionCount) % 2;
  const ids = Array.from({ length: 100 }, (_, index) => `counter-${index}`);
  const [first = ''] = ids;
  return [first, ids.find((id) => shardOfId(id) !== shardOfId(first)) ?? ''];
}
