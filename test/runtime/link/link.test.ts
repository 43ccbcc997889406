/** A link between two threads: batches in order, and those that are there taken together. */
import { MessageChannel } from 'node:worker_threads';
import t from 'tap';
import { PortLink } from '../../../runtime/link/link.js';

t.test(
  'batches that have come in are taken as one, in order, but no more than sixteen of them',
  async (t) => {
    const { port1, port2 } = new MessageChannel();
    const near = new PortLink<number, never>(port1);
    const far = new PortLink<never, number>(port2);
    const batchCount = 40;
    for (let item = 0; item < batchCount; item++) {
      near.send(item);
      near.flush();
    }
    const taken: (readonly number[])[] = [];
    await new Promise<void>((resolve) => {
      far.receive((items) => {
        taken.push(items);
        if (taken.flat().length === batchCount) resolve();
      });
    });
    t.same(
      taken.flat(),
      Array.from({ length: batchCount }, (_, item) => item),
    );
    t.same(
      taken.map(({ length }) => length),
      [16, 16, 8],
    );
    near.close();
  },
);

t.test('a batch is sent when it is full, without a flush', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const near = new PortLink<number, never>(port1);
  const far = new PortLink<never, number>(port2);
  for (let item = 0; item < 33; item++) near.send(item);
  const items = await new Promise<readonly number[]>((resolve) => far.receive(resolve));
  t.equal(items.length, 32);
  near.close();
});
