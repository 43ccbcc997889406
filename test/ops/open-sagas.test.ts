/** The count of open sagas for `/metrics`: what scrapes cost. */
import t from 'tap';
import sleepers, { sleeper } from '../../bench/timer-app.js';
import { countOpenSagas } from '../../ops/open-sagas.js';
import type { OperationClient } from '../../runtime/operator/operation.js';
import { TestSystem } from '../support/test-system.js';

/** So many sagas that sleep, a scraper of them, and how often it had them counted. */
async function scraped(count: number) {
  const system = await TestSystem.start({ modules: [sleepers], partitionCount: 1 });
  const payload = { until: system.clock.now() + 3_600_000 };
  for (let index = 0; index < count; index++)
    system.submit({ type: 'command', kind: sleeper.name, id: `s${index}`, command: 'start', payload });
  await system.clock.advance(5_000);
  await system.swept();
  const { operations } = system.system;
  let asked = 0;
  const counting: OperationClient = {
    partitionCount: operations.partitionCount,
    ask: (...ask) => {
      asked++;
      return operations.ask(...ask);
    },
  };
  const scrape = countOpenSagas(counting, system.clock);
  /** What a scrape sees, without time passing. */
  const counts = async () => {
    const scraping = scrape();
    await system.clock.settle();
    return (await scraping).map((line) => line.count);
  };
  return { system, scrape, counts, asked: () => asked };
}

t.test('C1: the more sagas there are, the longer the count rests', async (t) => {
  const { system, counts, asked } = await scraped(2_000);
  for (let scrape = 0; scrape < 100; scrape++) {
    t.same(await counts(), [2_000]);
    await system.clock.advance(100);
  }
  // 0.8 s of rest: every eighth or ninth of the scrapes of 10 s.
  t.ok(asked() >= 10 && asked() <= 14, `counted ${asked()} times`);
  await system.stop();
});

t.test('C1: a few sagas are counted again at once', async (t) => {
  const { system, counts, asked } = await scraped(1);
  t.same(await counts(), [1]);
  await system.clock.advance(1);
  t.same(await counts(), [1]);
  t.equal(asked(), 2);
  await system.stop();
});

t.test('C1: restMsMax bounds the age of a count', async (t) => {
  let asked = 0;
  let now = 0;
  const line = {
    kind: 'k',
    state: 'running',
    step: 's',
    age: '1m',
    isParked: false,
    count: 1_000_000,
  } as const;
  const operations: OperationClient = {
    partitionCount: 1,
    // One answer for every operation asked here: there is only the count.
    ask: (async () => [{ ...line, count: line.count + asked++ }]) as unknown as OperationClient['ask'],
  };
  const scrape = countOpenSagas(operations, { monotonic: () => now });
  const seen: number[] = [];
  for (const at of [0, 30_000, 59_999, 60_000, 119_999, 120_000]) {
    now = at;
    seen.push((await scrape())[0]?.count ?? 0);
  }
  t.same(
    seen.map((count) => count - line.count),
    [0, 0, 0, 1, 1, 2],
  );
});

t.test('C2: scrapes at one time share a count', async (t) => {
  const { system, scrape, asked } = await scraped(1);
  const all = Promise.all([scrape(), scrape(), scrape()]);
  t.equal((await system.clock.settled(all)).length, 3);
  t.equal(asked(), 1);
  await system.stop();
});

t.test('a partition without an answer makes no count, and the next scrape asks again', async (t) => {
  const { system, counts, asked } = await scraped(1);
  await system.stop();
  t.same(await counts(), []);
  t.same(await counts(), []);
  t.equal(asked(), 2);
});
