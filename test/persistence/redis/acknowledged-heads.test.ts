/** What a node remembers of a store, to notice one that went back. */
import t from 'tap';
import { createMemoryStore } from '../../../persistence/memory/memory-store.js';
import { AcknowledgedHeads } from '../../../persistence/redis/acknowledged-heads.js';
import { LogWriter } from '../../contracts/log-writer.js';

t.test('an entry that was found by looking for it counts as acknowledged', async (t) => {
  const store = createMemoryStore({ partitionCount: 1 });
  const owner = await LogWriter.take(store, [0]);
  const heads = new AcknowledgedHeads(() => {});
  heads.note(0, { fence: owner.fence(0), ...owner.head(0) });
  await owner.append([0]);
  await owner.append([0]);
  heads.noteRead(0, await store.journal.read(0, 1, { entriesMax: 9, bytesMax: 1_000_000 }));
  t.match(heads.newest(0), { position: 2, hash: owner.head(0).hash });
  // The reply was lost and the entry is gone: an older history.
  heads.check(0, heads.newest(0), { fence: owner.fence(0), head: { position: 1, hash: owner.head(0).hash } });
  t.match(heads.halted, { code: 'store-went-back' });
});

t.test("an entry of another owner is nobody's acknowledgement here", async (t) => {
  const store = createMemoryStore({ partitionCount: 1 });
  const owner = await LogWriter.take(store, [0]);
  const heads = new AcknowledgedHeads(() => {});
  heads.note(0, { fence: owner.fence(0), ...owner.head(0) });
  const other = await LogWriter.take(store, [0], 'owner-other');
  await other.append([0]);
  heads.noteRead(0, await store.journal.read(0, 1, { entriesMax: 9, bytesMax: 1_000_000 }));
  t.match(heads.newest(0), { position: 0 });
});

t.test('an answer that comes after one to something newer takes nothing back', async (t) => {
  const store = createMemoryStore({ partitionCount: 1 });
  const owner = await LogWriter.take(store, [0]);
  const heads = new AcknowledgedHeads(() => {});
  const acknowledged = () => ({ fence: owner.fence(0), ...owner.head(0) });
  await owner.append([0]);
  const late = acknowledged();
  await owner.append([0]);
  heads.note(0, acknowledged());
  heads.note(0, late);
  t.match(heads.newest(0), { position: 2 }, 'of the same owner');
  const next = await LogWriter.take(store, [0], 'owner-next');
  heads.note(0, { fence: next.fence(0), ...next.head(0) });
  heads.note(0, late);
  t.match(heads.newest(0), { fence: next.fence(0), position: 2 }, 'of the owner before');
});
