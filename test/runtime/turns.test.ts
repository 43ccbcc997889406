import t from 'tap';
import type { Domain } from '../../runtime/domain.js';
import { Turns } from '../../runtime/turns.js';
import { VirtualClock } from '../support/virtual-clock.js';

function scene() {
  const clock = new VirtualClock();
  const log: string[] = [];
  let due = 0;
  const turns: Turns = new Turns(
    { clock, now: 0 } as unknown as Domain,
    {},
    {
      work: () => {
        log.push('work');
        if (due-- > 0) turns.runSoon();
      },
      emptyMail: () => log.push('mail'),
      send: () => log.push('send'),
    },
  );
  const input = (name: string) => turns.run(() => log.push(name));
  return { clock, turns, log, input, endEarly: (times: number) => (due = times) };
}

t.test('an input, its work, one sending', async (t) => {
  const { turns, log } = scene();
  turns.run(() => {
    log.push('outer');
    turns.run(() => log.push('inner'));
  });
  t.same(log, ['outer', 'inner', 'work', 'send']);
});

t.test('Z3: while another turn is due, an input is taken in and what is ready is sent', async (t) => {
  const { clock, log, input, endEarly } = scene();
  endEarly(1);
  input('batch 1');
  input('batch 2');
  input('durable');
  t.same(log, ['batch 1', 'work', 'send', 'batch 2', 'mail', 'send', 'durable', 'mail', 'send']);
  log.length = 0;
  await clock.advance(1);
  input('batch 3');
  t.same(log, ['work', 'send', 'batch 3', 'work', 'send']);
});

t.test('Z2: after a turn that threw there is none', async (t) => {
  const { clock, turns, log, input } = scene();
  turns.runSoon();
  t.throws(
    () =>
      turns.run(() => {
        throw new Error('half of it is in the state');
      }),
    { message: 'half of it is in the state' },
  );
  input('batch');
  await clock.advance(1);
  t.same(log, []);
});
