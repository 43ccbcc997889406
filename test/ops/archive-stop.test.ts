/** A server that stops while a segment is packed: it does not wait for pauses, and what stands in the archive is whole. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { pauseOn } from '../../ops/archive-task.js';
import { startArchiving } from '../../ops/archiving.js';
import { systemClock } from '../../ops/system-clock.js';
import { Archive } from '../../persistence/archive/archive.js';
import { openStore } from '../../persistence/open-store.js';
import { verifyRange } from '../../persistence/verify.js';
import { LogWriter } from '../contracts/log-writer.js';
import { temporaryFolder } from './tools/counted-place.js';

t.test('who is in a hurry pauses no more', async (t) => {
  const hurry = new Int32Array(new SharedArrayBuffer(4));
  const pauses: number[] = [];
  const after = (ms: number, run: () => void) => {
    pauses.push(ms);
    run();
    return () => undefined;
  };
  const pause = pauseOn({ after }, hurry);
  await pause(7);
  Atomics.store(hurry, 0, 1);
  await pause(8);
  t.same(pauses, [7]);
});

t.test('a stop in the middle of a segment leaves it whole and nothing half made', async (t) => {
  const directory = path.join(temporaryFolder(t), 'data');
  const storeUrl = `embedded:${directory}`;
  const store = await openStore(storeUrl, { partitionCount: 1, clock: systemClock });
  t.teardown(() => store.close());
  const writer = await LogWriter.take(store, [0]);
  for (let count = 0; count < 180; count++) await writer.append([0], Buffer.alloc(100_000, `${count} `));
  const from = await store.tables.checkpoint(0);
  const to = { ...writer.head(0), epoch: writer.fence(0).epoch };
  await store.tables.commit({ partition: 0, fence: writer.fence(0), from, to, puts: [], deletes: [] });
  const archive = { directory: path.join(directory, 'archive'), segmentBytes: 16 * 2 ** 20, isOn: true };
  const report = (_level: string, event: string, details?: unknown): void => {
    if (event !== 'segment-archived') t.fail(`${event} ${JSON.stringify(details)}`);
  };
  const archiving = startArchiving({ archive, storeUrl, clock: systemClock, report }, store);
  const folder = path.join(archive.directory, '0000');
  const names = (): string[] => (existsSync(folder) ? readdirSync(folder) : []);
  while (!names().some((name) => name.endsWith('.part'))) await turn();
  await archiving?.stop();
  t.same(
    names().map((name) => path.extname(name)),
    ['.journal'],
    'no part, and no index of entries without records',
  );
  const found = new Archive(archive.directory);
  const range = { from: 1, to: found.end(0) };
  t.ok(range.to > 160);
  const { damages, lastHash } = await verifyRange(found, 0, range);
  t.same(damages, []);
  t.ok(lastHash);
});
