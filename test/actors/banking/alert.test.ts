/** Alerts of an account, raised by what happens to it (row 64, decision h). */
import t from 'tap';
import { accountContract } from '../../../actors/banking/account-contract.js';
import { alert, alertsMax } from '../../../actors/banking/alert.js';
import { alertContract } from '../../../actors/banking/alert-contract.js';
import { bankingModule } from '../../../actors/banking/banking.js';
import { riskContract } from '../../../actors/banking/risk-contract.js';
import { commandCall, queryCall } from '../../../actors/model/call.js';
import { TestSystem } from '../../support/test-system.js';
import { Desk, inside, noon, service } from './support/desk.js';

t.test('the newest alerts are kept, newest first', (t) => {
  const desk = new Desk(alert, 'acc-1');
  for (let index = 0; index <= alertsMax; index++)
    desk.ask('raise', { alert: 'account-frozen', reason: `${index}`, raised_by: 'olga' }, inside);
  const list = desk.read('get', {}, service);
  if ('code' in list) throw new Error('refused');
  t.equal(list.items.length, alertsMax);
  t.same(list.items[0], {
    ...{ alert: 'account-frozen', reason: `${alertsMax}`, raised_by: 'olga' },
    at: new Date(noon).toISOString(),
  });
  t.end();
});

t.test(
  'freezing, flagging, unfreezing and closing an account raise alerts, in the order of what happened',
  async (t) => {
    const system = await TestSystem.start({ modules: [bankingModule()] });
    const input = { account_type: 'checking', currency: 'USD', owner_id: 'alice' } as const;
    await system.reply(commandCall(accountContract, 'acc-1', 'open', input));
    await system.reply(commandCall(accountContract, 'acc-1', 'freeze', { reason: 'a look' }));
    await system.reply(commandCall(riskContract, 'acc-1', 'flag', { reason: 'odd' }));
    await system.reply(commandCall(accountContract, 'acc-1', 'unfreeze', {}));
    await system.reply(commandCall(accountContract, 'acc-1', 'close', {}));
    await system.clock.advance(50);
    const { items } = await system.reply(queryCall(alertContract, 'acc-1', 'get', {}));
    t.same(
      items.map((item) => `${item.alert} ${item.reason} ${item.raised_by}`.replace('  ', ' ')),
      [
        'account-closed somebody',
        'account-unfrozen somebody',
        'account-flagged odd somebody',
        'account-frozen a look somebody',
      ],
    );
    await system.stop();
  },
);
