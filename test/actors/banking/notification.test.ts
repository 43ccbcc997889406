/** Notices of finished transfers. */
import t from 'tap';
import { noticesMax, notification } from '../../../actors/banking/notification.js';
import { notificationContract } from '../../../actors/banking/notification-contract.js';
import { alice, Desk, inside, noon, service } from './support/desk.js';

function notice(transferId: string) {
  return {
    transfer_id: transferId,
    template: 'transfer_completed',
    counterparty: 'acc-2',
    amount: '100',
    currency: 'USD',
  };
}

t.test('row 77: a notice is recorded and listed with its time', async (t) => {
  const desk = new Desk(notification, 'acc-1');
  t.same(desk.ask('notify', notice('t1'), inside), { notified: true });
  t.same(desk.journal, [{ type: 'TransferNotified', data: notice('t1'), at: noon }]);
  t.same(desk.read('list', {}, service), { items: [{ ...notice('t1'), at: '2026-11-20T12:00:00.000Z' }] });
});

t.test('the newest notices are kept, newest first', async (t) => {
  const desk = new Desk(notification, 'acc-1');
  for (let index = 0; index <= noticesMax; index++) desk.ask('notify', notice(`t${index}`), inside);
  const list = desk.read('list', {}, service);
  if ('code' in list) throw new Error(list.code);
  t.equal(list.items.length, noticesMax);
  t.equal(list.items[0]?.transfer_id, `t${noticesMax}`);
  t.equal(list.items.at(-1)?.transfer_id, 't1');
});

t.test('clients neither write notices nor read those of an account', async (t) => {
  t.equal(notificationContract.commands.notify.internal, true);
  t.same(notificationContract.queries.list.roles, ['admin', 'service']);
  t.hasStrict(new Desk(notification, 'acc-1').read('list', {}, alice), { code: 'scope-missing' });
});
