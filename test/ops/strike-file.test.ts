/** S2, S3 of `ops/strike-file.ts`, and the weight of a look of `ops/shard-vitals.ts`. */
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { placementHash } from '../../actors/model/address.js';
import { lookWeight } from '../../ops/shard-vitals.js';
import { StrikeFile, strikesIn, struckActorsMax } from '../../ops/strike-file.js';
import { actorHash } from '../../persistence/entry.js';
import type { ActorHashes } from '../../runtime/actor/strike-book.js';
import type { Report } from '../../runtime/clock.js';
import { defaultLimits } from '../../runtime/limits.js';
import { temporaryDirectory } from '../support/server.js';

t.test('a look at a turn counts by the processor time that the process had', async (t) => {
  t.same(
    [0, 25, 50, 125, 250, 500, 2_000].map((processorMs) => lookWeight(processorMs, 500)),
    [0.2, 0.2, 0.2, 0.5, 1, 1, 1],
  );
});

t.test(
  'strikes are kept by actor, forgotten with time or on demand, and a damaged file counts as none',
  async (t) => {
    const data = temporaryDirectory(t);
    const strikes = openStrikes(data);
    strikes.add(hashesOf('a'), 1_000);
    strikes.add(hashesOf('b'), 2_000);
    strikes.add(hashesOf('a'), 3_000);
    t.match(openStrikes(data, 3_000).struck, [
      { ...hashesOf('b'), count: 1 },
      { ...hashesOf('a'), count: 2 },
    ]);
    const later = 2_001 + defaultLimits.strikeMemoryMs;
    t.match(openStrikes(data, later).struck, [{ count: 2, at: 3_000 }]);
    strikes.add(hashesOf('a'), later + 3_000);
    t.match(
      openStrikes(data, later).struck.at(-1),
      { ...hashesOf('a'), count: 1 },
      'the earlier ones are long past',
    );
    for (let count = 0; count < struckActorsMax; count++) strikes.add(hashesOf(`c${count}`), later);
    t.equal(openStrikes(data, later).struck.length, struckActorsMax);
    strikes.forget();
    t.same(openStrikes(data).struck, []);
    for (const damaged of ['{', '[{"placement":-1}]']) {
      writeFileSync(strikesIn(data), damaged);
      const reports: string[] = [];
      t.same(openStrikes(data, 0, (_level, event) => reports.push(event)).struck, []);
      t.same(reports, ['strikes-unreadable']);
    }
  },
);

function openStrikes(data: string, now = 0, report: Report = () => {}): StrikeFile {
  const { strikeMemoryMs } = defaultLimits;
  return new StrikeFile({ file: strikesIn(data), now, strikeMemoryMs, report });
}

function hashesOf(id: string): ActorHashes {
  return { placement: placementHash(id), hash: actorHash('counter', id) };
}
