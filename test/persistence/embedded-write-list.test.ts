/** The list of writes that lmdb-js keeps: what is over hangs on nothing. */
import { open } from 'lmdb';
import t from 'tap';
import { cutWrittenLinks } from '../../persistence/embedded/write-list.js';
import { temporaryDirectory } from '../support/server.js';

interface Link {
  readonly next: Link | null;
}

t.test('the writes of a transaction hang together no longer once the next one is committed', async (t) => {
  const root = open<Buffer, Buffer>({
    path: temporaryDirectory(t),
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    separateFlushed: true,
    eventTurnBatching: false,
    overlappingSync: true,
  });
  t.teardown(() => root.close());
  const seen: Link[] = [];
  const emitter = root as unknown as {
    on(
      event: 'aftercommit',
      listener: (committed: { readonly next: Link; readonly last: Link }) => void,
    ): void;
  };
  emitter.on('aftercommit', ({ next, last }) => {
    for (let link: Link | null = next; link !== null && link !== last; link = link.next) seen.push(link);
  });
  cutWrittenLinks(root);
  const transactions = 20;
  for (let round = 0; round < transactions; round++)
    await Promise.all([1, 2, 3].map((key) => root.put(Buffer.of(key), Buffer.of(round))));
  t.ok(seen.length >= transactions, `${seen.length} links seen`);
  const linked = seen.filter(({ next }) => next !== null);
  t.ok(linked.length <= 6, `${linked.length} of ${seen.length} are linked: those of the last transactions`);
  t.same(root.get(Buffer.of(2)), Buffer.of(transactions - 1), 'and it goes on writing');
});
