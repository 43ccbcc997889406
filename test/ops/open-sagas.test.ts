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

/** So many sagas and one more with each count, whose answers the test gives. */
function many(partitionCount: number, first: number) {
  const line = { kind: 'k', state: 'running', step: 's', age: '1m', isParked: false } as const;
  const asked: number[] = [];
  const answers: (() => void)[] = [];
  let now = 0;
  const ask = (partition: number) => {
    asked.push(partition);
    return new Promise((resolve) => {
      answers.push(() => resolve([{ ...line, count: first + asked.length - 1 }]));
    });
  };
  // One answer for every operation: there is only the count.
  const operations = { partitionCount, ask: ask as unknown as OperationClient['ask'] };
  const scrape = countOpenSagas(operations, { monotonic: () => now });
  return {
    asked,
    total: async (at: number) => {
      now = at;
      return (await scrape()).reduce((sum, { count }) => sum + count, 0);
    },
    /** Answers what waits, and lets what follows from it happen. */
    answer: async () => {
      for (const answer of answers.splice(0)) answer();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

t.test('C1, C2: restMsMax bounds the age of a count; the one before is shown meanwhile', async (t) => {
  const { total, answer, asked } = many(1, 1_000_000);
  const first = total(0);
  await answer();
  t.equal(await first, 1_000_000, 'the first is waited for');
  t.equal(await total(59_999), 1_000_000);
  t.equal(asked.length, 1);
  t.equal(await total(60_000), 1_000_000);
  t.equal(asked.length, 2);
  await answer();
  t.equal(await total(60_001), 1_000_001);
  t.equal(asked.length, 2);
});

t.test('C2: waitedForMax: up to so many a scrape waits for a new count', async (t) => {
  const { total, answer } = many(1, 9_999);
  for (const [at, shown] of [
    [0, 9_999],
    [10_000, 10_000],
    [20_000, 10_001],
  ] as const) {
    const scraped = total(at);
    await answer();
    t.equal(await scraped, shown);
  }
  t.equal(await total(30_000), 10_001, 'more are not waited for');
});

t.test('C3: one partition is counted at a time', async (t) => {
  const { total, answer, asked } = many(3, 5);
  const scraped = total(0);
  for (const partitions of [[0], [0, 1], [0, 1, 2]]) {
    t.same(asked, partitions);
    await answer();
  }
  t.equal(await scraped, 5 + 6 + 7);
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
