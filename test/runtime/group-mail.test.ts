/** Messages consumed by the group that sends them (G1–G3): not in the log, in order, and never endless. */
import t from 'tap';
import { partitionOf } from '../../actors/model/address.js';
import { commandCall } from '../../actors/model/call.js';
import { pack, unpack } from '../../actors/model/codec.js';
import { EntryReader, EntryWriter, noHash } from '../../persistence/entry.js';
import type { Activation } from '../../runtime/actor/activation.js';
import {
  causeCommand,
  causeGroupMail,
  causeId,
  causeMessage,
  type StoredRecord,
  type WrittenRecord,
} from '../../runtime/commit/record.js';
import { readRecord, readRecords } from '../../runtime/commit/record-reader.js';
import type { Domain } from '../../runtime/domain.js';
import { GroupMail } from '../../runtime/group-mail.js';
import type { Mail } from '../../runtime/mail.js';
import type { Partition } from '../../runtime/partition.js';
import { counterContract, idleNumber } from '../support/counter-module.js';
import { scanJournal } from '../support/journal-scan.js';
import { idsOn, TestSystem } from '../support/test-system.js';

const add = (id: string, amount: number) => commandCall(counterContract, id, 'add', { amount });
const tell = (from: string, to: string, first: number, count: number, tag?: string) =>
  commandCall(counterContract, from, 'tell', { to, first, count, ...(tag === undefined ? {} : { tag }) });

/** The entries of the newest group. */
function newestEntries({ disk }: TestSystem): EntryReader[] {
  const newest = Array.from({ length: disk.partitionCount }, (_, partition) => {
    const entry = disk.entry(partition, disk.flushedPosition(partition));
    if (entry === undefined) throw new Error('an empty log');
    return new EntryReader(entry.bytes);
  });
  const last = Math.max(...newest.map(({ group }) => group));
  return newest.filter(({ group }) => group === last);
}

/** Two actors in memory, each in a partition of its own. */
async function neighbours() {
  const system = await TestSystem.start({ partitionCount: 2 });
  const [near, far] = idsOn(2);
  await system.ask(add(near, 1));
  await system.ask(add(far, 1));
  return { system, near, far };
}

const causes = (system: TestSystem) => scanJournal(system.disk).map(({ record }) => record[5][0]);
const messagesStored = (system: TestSystem) =>
  scanJournal(system.disk).reduce((sum, { record }) => sum + (record[9] === 0 ? 0 : record[9].length - 1), 0);

t.test('a message to an actor in memory, and its answer, stand in no entry', async (t) => {
  const { system, near, far } = await neighbours();
  await system.ask(tell(near, far, 1, 3, 't'));
  await system.clock.advance(10);
  t.same((await system.counter(far)).received, [`${near}:1`, `${near}:2`, `${near}:3`]);
  t.same((await system.counter(near)).heard, ['t1=reply', 't2=reply', 't3=reply']);
  t.equal(messagesStored(system), 0);
  t.equal(causes(system).filter((cause) => cause === causeGroupMail).length, 6);
  const crashed = await system.crash();
  t.same(
    (await crashed.counter(far)).received,
    [`${near}:1`, `${near}:2`, `${near}:3`],
    'kept with its group',
  );
  t.same((await crashed.counter(near)).heard, ['t1=reply', 't2=reply', 't3=reply']);
  await crashed.stop();
});

t.test('mail that changes nothing is answered and leaves no record', async (t) => {
  const { system, near, far } = await neighbours();
  const mailed = () => causes(system).filter((cause) => cause === causeGroupMail).length;
  await system.ask(tell(near, far, idleNumber, 1));
  t.equal(mailed(), 0, 'nobody waits for an answer');
  await system.ask(tell(near, far, idleNumber - 1, 2, 't'));
  await system.clock.advance(10);
  const heard = [`t${idleNumber - 1}=reply`, `t${idleNumber}=reply`];
  t.same((await system.counter(near)).heard, heard);
  t.equal(mailed(), 3, 'a message and two answers');
  await system.ask(tell(near, far, idleNumber, 1, 'u'));
  await system.clock.advance(10);
  t.equal(mailed(), 5, 'the answer has a place in an entry, for which a record must be there');
  const crashed = await system.crash();
  t.same((await crashed.counter(near)).heard, [...heard, `u${idleNumber}=reply`]);
  t.same((await crashed.counter(far)).received, [`${near}:${idleNumber - 1}`]);
  await crashed.stop();
});

t.test('an entry names an actor and a trail once; who reads it sees whole records', async (t) => {
  const { system, near, far } = await neighbours();
  await system.ask(tell(near, far, 1, 3, 't'));
  await system.clock.advance(10);
  const records = scanJournal(system.disk).map(({ record }) => record);
  const told = records.filter(({ 5: cause }) => cause[0] === causeGroupMail);
  const command = records.findLast(
    ({ 1: actor, 5: cause }) => actor === near && cause[0] === causeCommand,
  ) as StoredRecord;
  const id = causeId(command);
  t.same(
    told.filter(({ 1: actor }) => actor === far).map(({ 6: trail }) => trail),
    new Array(3).fill([id, id, command[6][2], 0]),
    'the three messages follow from the command',
  );
  const answered = told.filter(({ 1: actor }) => actor === near);
  t.same(
    answered.map(({ 6: trail }) => trail[1]),
    told.filter(({ 1: actor }) => actor === far).map(causeId),
    'each answer follows from its message',
  );
  t.ok(answered.every(({ 5: cause, 6: trail }) => cause.length === 4 && trail[0] === id));
  const written = newestEntries(system).flatMap((reader) =>
    Array.from({ length: reader.recordCount }, (_, at) => unpack(reader.record(at)) as WrittenRecord),
  );
  t.equal(written.filter(({ 1: name }) => name === near).length, 1);
  t.equal(written.filter(({ 1: name }) => name === far).length, 1);
  t.same(
    written.flatMap(({ 6: trail }) => (typeof trail === 'number' ? [trail] : [])),
    [0, 0, 0],
    'the answers have the trail of the command, which stands in their entry',
  );
  await system.stop();
});

t.test('a record that names itself is no record', (t) => {
  const writer = new EntryWriter();
  writer.add(1, 1, pack([1, 0, 0, 0, 0, [causeGroupMail, 0, 1, 0], 0, 0, 0, 0, 0]));
  const header = { partition: 0, epoch: 1, position: 1, previousHash: noHash, time: 1, group: 1 };
  const reader = new EntryReader(writer.finish({ ...header, siblings: [], watermarks: [] }));
  t.throws(() => readRecord(reader, 0), { code: 'journal-damaged' });
  t.throws(() => readRecords(reader), { code: 'journal-damaged' });
  t.end();
});

t.test('a message to an actor that is not in memory waits in the log', async (t) => {
  const system = await TestSystem.start({ partitionCount: 2 });
  const [near, far] = idsOn(2);
  await system.ask(add(near, 1));
  await system.ask(tell(near, far, 1, 1));
  await system.clock.advance(10);
  t.same((await system.counter(far)).received, [`${near}:1`]);
  t.equal(messagesStored(system), 1);
  t.equal(causes(system).filter((cause) => cause === causeMessage).length, 1);
  await system.stop();
});

t.test('nothing overtakes a message that waits in the log', async (t) => {
  const system = await TestSystem.start({ partitionCount: 2 });
  const [near, far] = idsOn(2);
  const resident = Array.from({ length: 50 }, (_, index) => `other${index}`).find(
    (id) => partitionOf(id, 2) === partitionOf(far, 2),
  );
  if (resident === undefined) throw new Error('no second id on that partition');
  await system.ask(add(near, 1));
  await system.ask(add(resident, 1));
  // The first goes to an actor that must be loaded; the second could be taken at once, and must not be.
  const first = system.submit(tell(near, far, 1, 1));
  const second = system.submit(tell(near, resident, 2, 1));
  await system.answered(first);
  await system.answered(second);
  await system.clock.advance(10);
  t.same((await system.counter(resident)).received, [`${near}:2`]);
  const order = scanJournal(system.disk)
    .filter(({ record }) => record[5][0] === causeMessage || record[5][0] === causeGroupMail)
    .map(({ record }) => record[1]);
  t.same(order, [far, resident]);
  await system.stop();
});

t.test('mail is bounded in a row, and in what waits', (t) => {
  const partition = { number: 0, outboxes: new Map(), consumed: new Map() } as unknown as Partition;
  const domain = { partitionCount: 1, partitions: [partition] } as unknown as Domain;
  const actor = { phase: 'ready', waiting: [], partition, mailCount: 0 } as unknown as Activation;
  let hasRoom = true;
  const mail = new GroupMail(
    domain,
    () => actor,
    () => hasRoom,
  );
  const target = () => mail.target(partition, 1, 'a');
  const item = { to: actor } as Mail;
  for (let count = 0; count < 256; count++) {
    t.equal(target(), actor);
    mail.post(item);
    t.ok(mail.take());
  }
  t.equal(target(), undefined, 'after 256 in a row, until it is empty');
  while (mail.take() !== undefined);
  for (let count = 0; count < 64; count++) {
    t.equal(target(), actor);
    mail.post(item);
  }
  t.equal(target(), undefined, 'with 64 that wait');
  t.equal(actor.mailCount, 64);
  mail.take();
  t.equal(target(), actor);
  while (mail.take() !== undefined);
  t.equal(actor.mailCount, 0);
  hasRoom = false;
  t.equal(target(), undefined, 'nor does a full group take any');
  t.end();
});

t.test('a call does not come before mail to its actor, which it might break', async (t) => {
  for (const tag of ['t', undefined]) {
    const { system, near, far } = await neighbours();
    const told = system.submit(tell(near, far, 1, 1, tag));
    const cursed = system.submit(commandCall(counterContract, far, 'curse', {}));
    await system.answered(told);
    t.match(await system.answered(cursed), { code: 'internal' });
    await system.clock.advance(200);
    t.same((await system.counter(far)).received, [`${near}:1`]);
    t.same((await system.counter(near)).heard, tag === undefined ? [] : ['t1=reply']);
    await system.stop();
  }
});

t.test('a message to an actor that is being folded again waits until it is', async (t) => {
  const { system, near, far } = await neighbours();
  t.match(await system.ask(commandCall(counterContract, far, 'curse', {})), { type: 'failure' });
  await system.ask(tell(near, far, 1, 1, 't'));
  await system.clock.advance(200);
  t.same((await system.counter(far)).received, [`${near}:1`], 'taken once it was folded again');
  t.same((await system.counter(near)).heard, ['t1=reply']);
  await system.stop();
});
