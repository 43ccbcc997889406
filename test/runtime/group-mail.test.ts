/** Messages consumed by the group that sends them (G1–G3): not in the log, in order, and never endless. */
import t from 'tap';
import { partitionOf } from '../../actors/model/address.js';
import { commandCall } from '../../actors/model/call.js';
import type { Activation } from '../../runtime/actor/activation.js';
import { causeGroupMail, causeMessage, type StoredMessage } from '../../runtime/commit/record.js';
import type { Domain } from '../../runtime/domain.js';
import { GroupMail } from '../../runtime/group-mail.js';
import type { MessageItem } from '../../runtime/link/link-protocol.js';
import type { Partition } from '../../runtime/partition.js';
import { counterContract } from '../support/counter-module.js';
import { scanJournal } from '../support/journal-scan.js';
import { idsOn, TestSystem } from '../support/test-system.js';

const add = (id: string, amount: number) => commandCall(counterContract, id, 'add', { amount });
const tell = (from: string, to: string, first: number, count: number, tag?: string) =>
  commandCall(counterContract, from, 'tell', { to, first, count, ...(tag === undefined ? {} : { tag }) });

const causes = (system: TestSystem) => scanJournal(system.disk).map(({ record }) => record[5][0]);
const messagesStored = (system: TestSystem) =>
  scanJournal(system.disk).reduce((sum, { record }) => sum + (record[9] === 0 ? 0 : record[9].length - 1), 0);

t.test('a message to an actor in memory, and its answer, stand in no entry', async (t) => {
  const system = await TestSystem.start({ partitionCount: 2 });
  const [near, far] = idsOn(2);
  await system.ask(add(near, 1));
  await system.ask(add(far, 1));
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

t.test('after 64 messages in a row the next takes the ordinary way, until the mail is empty', (t) => {
  const partition = { number: 0, outboxes: new Map(), consumed: new Map() } as unknown as Partition;
  const domain = { partitionCount: 1, partitions: [partition] } as unknown as Domain;
  const actor = { phase: 'ready', waiting: [] } as unknown as Activation;
  let hasRoom = true;
  const mail = new GroupMail(
    domain,
    () => actor,
    () => hasRoom,
  );
  const message: StoredMessage = [1, 'a', 1, [], 0];
  const item = [] as unknown as MessageItem;
  for (let count = 0; count < 64; count++) {
    t.equal(mail.target(partition, message), actor);
    mail.post(actor, item);
    if (count % 2 === 0) t.ok(mail.take());
  }
  t.equal(mail.target(partition, message), undefined);
  while (mail.take() !== undefined);
  t.equal(mail.target(partition, message), actor);
  hasRoom = false;
  t.equal(mail.target(partition, message), undefined, 'nor does a full group take any');
  t.end();
});

t.test('a message to an actor that is being folded again waits until it is', async (t) => {
  const system = await TestSystem.start({ partitionCount: 2 });
  const [near, far] = idsOn(2);
  await system.ask(add(near, 1));
  await system.ask(add(far, 1));
  t.match(await system.ask(commandCall(counterContract, far, 'curse', {})), { type: 'failure' });
  await system.ask(tell(near, far, 1, 1, 't'));
  await system.clock.advance(200);
  t.same((await system.counter(far)).received, [`${near}:1`], 'taken once it was folded again');
  t.same((await system.counter(near)).heard, ['t1=reply']);
  await system.stop();
});
