/** The sending ends of channels, over a log that a system has written (R1, R3). */
import t from 'tap';
import { partitionOf } from '../../../actors/model/address.js';
import { commandCall } from '../../../actors/model/call.js';
import { EntryReader, noHash } from '../../../persistence/entry.js';
import { gate } from '../../../persistence/memory/memory-faults.js';
import { createMemoryStore } from '../../../persistence/memory/memory-store.js';
import { forEachMessage } from '../../../runtime/commit/record.js';
import { readRecord } from '../../../runtime/commit/record-reader.js';
import type { OutcomeLedger } from '../../../runtime/deduplication/outcome-ledger.js';
import type { Domain } from '../../../runtime/domain.js';
import { EntrySource } from '../../../runtime/entry-source.js';
import { itemOpened, type RemoteItem } from '../../../runtime/link/link-protocol.js';
import { OutboundRoutes } from '../../../runtime/link/outbound-routes.js';
import { noteSent, Partition, type Place } from '../../../runtime/partition.js';
import { counterContract } from '../../support/counter-module.js';
import { idsOn, TestSystem } from '../../support/test-system.js';

t.test('what a destination is heard to have consumed while the log is read is not sent again', async (t) => {
  const { disk, source, destination } = await written(6);
  const journal = createMemoryStore({ partitionCount: 2, disk }).journal;
  const head = await journal.head(source);
  const ledger = {} as OutcomeLedger;
  const partition = new Partition({
    number: source,
    fence: { epoch: 1, nonce: 'n' },
    head,
    checkpoint,
    ledger,
  });
  const places: Place[] = [];
  for (let position = 1; position <= head.position; position++) {
    const reader = new EntryReader(disk.entry(source, position)?.bytes as Uint8Array);
    for (let index = 0; index < reader.recordCount; index++) {
      forEachMessage(readRecord(reader, index), (ordinal) => {
        noteSent(partition, destination, position, ordinal);
        places.push({ position, ordinal });
      });
    }
  }
  t.equal(places.length, 6);
  const held = gate();
  const slow = {
    ...journal,
    read: (...ask: Parameters<typeof journal.read>) => held.promise.then(() => journal.read(...ask)),
  };
  const sent: RemoteItem[] = [];
  // Routes need no more of their domain than this.
  const domain = {
    partitionCount: 2,
    limits: { channelPendingMax: 1 },
    owned: () => [partition],
  } as unknown as Domain;
  const routes = new OutboundRoutes({
    domain,
    entries: new EntrySource(slow, 1_000_000),
    send: (_to, item) => sent.push(item),
    flush: () => undefined,
    onDamaged: (cause) => t.error(cause),
  });
  // What it said when it opened is old; what it has consumed since is heard before the log is read.
  routes.opened([itemOpened, destination, 1, []]);
  const consumed = places[3] as Place;
  routes.consumed(source, destination, consumed);
  held.open();
  await new Promise((resolve) => setImmediate(resolve));
  t.same(
    sent.map(([, , item]) => ({ position: item[2], ordinal: item[3] })),
    [places[4]],
  );
  routes.consumed(source, destination, places[4] as Place);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(sent.length, 2, 'and the route goes on');
});

const checkpoint = { position: 0, hash: noHash, epoch: 0 };

/** A log with so many messages from one partition to the other, an entry each. */
async function written(count: number) {
  const system = await TestSystem.start({ shardCount: 2, partitionCount: 2 });
  const [near, far] = idsOn(2);
  for (let first = 1; first <= count; first++)
    await system.ask(commandCall(counterContract, near, 'tell', { to: far, first, count: 1 }));
  await system.stop();
  return { disk: system.disk, source: partitionOf(near, 2), destination: partitionOf(far, 2) };
}
