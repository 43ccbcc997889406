/** Notices of finished transfers. */
import t from 'tap';
import { deliverNotice } from '../../../actors/banking/notice-delivery.js';
import { noticeText } from '../../../actors/banking/notice-templates.js';
import { noticesMax, notification, notificationAggregate } from '../../../actors/banking/notification.js';
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
  t.same(desk.read('list', {}, service), {
    items: [{ ...notice('t1'), at: '2026-11-20T12:00:00.000Z', delivery: 'none' }],
  });
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

t.test('by default a notice starts nothing', async (t) => {
  const said = new Desk(notification, 'acc-1').tell('notify', notice('t1'), inside);
  t.same(said.type === 'rejection' ? said : (said.messages ?? []), []);
});

t.test('where notices are delivered, one starts its delivery, named by its transfer', async (t) => {
  const desk = new Desk(notificationAggregate(deliverNotice), 'acc-1');
  const said = desk.tell('notify', notice('t1'), inside);
  t.same(said.type === 'rejection' ? said : said.messages, [
    {
      ...{ kind: 'notice_delivery', id: 't1', command: 'start' },
      payload: { account_id: 'acc-1', ...notice('t1') },
    },
  ]);
});

t.test('what became of a delivery is listed with its notice, for as long as that is', async (t) => {
  const desk = new Desk(notificationAggregate(deliverNotice), 'acc-1');
  const record = (transfer_id: string, status: 'delivered' | 'failed') =>
    desk.ask('record_delivery', { transfer_id, status, message_id: 'm' }, inside);
  for (const id of ['t1', 't2', 't3']) desk.ask('notify', notice(id), inside);
  record('t1', 'delivered');
  record('t2', 'failed');
  const listed = () => {
    const list = desk.read('list', {}, service);
    if ('code' in list) throw new Error(list.code);
    return list.items.map(({ transfer_id, delivery }) => `${transfer_id} ${delivery}`);
  };
  t.same(listed(), ['t3 pending', 't2 failed', 't1 delivered']);
  record('t2', 'delivered');
  t.same(listed(), ['t3 pending', 't2 delivered', 't1 delivered'], 'the last word counts');
  desk.ask('notify', notice('t4'), inside);
  record('t1', 'failed');
  t.same(listed(), ['t4 pending', 't3 pending', 't2 delivered']);
  t.equal(desk.state.deliveries.length, 1);
});

t.test('a notice reads as its template says, or as one that nobody knows', async (t) => {
  t.same(noticeText(notice('t1')), {
    title: 'Transfer completed',
    text: '100 USD was transferred to acc-2.',
  });
  t.same(noticeText({ ...notice('t1'), template: 'toString' }), { title: 'Notice', text: 'toString' });
});
