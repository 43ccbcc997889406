/** Notices of finished transfers. */
import t from 'tap';
import { deliverNotice } from '../../../actors/banking/notice-delivery.js';
import { noticePage } from '../../../actors/banking/notice-page.js';
import { noticeText } from '../../../actors/banking/notice-templates.js';
import { notification, notificationAggregate } from '../../../actors/banking/notification.js';
import { notificationContract } from '../../../actors/banking/notification-contract.js';
import { compileSnapshot } from '../../../actors/model/snapshot.js';
import { Desk, inside, noon } from './support/desk.js';

function notice(transferId: string) {
  return {
    transfer_id: transferId,
    template: 'transfer_completed',
    counterparty: 'acc-2',
    amount: '100',
    currency: 'USD',
  };
}

const at = '2026-11-20T12:00:00.000Z';

t.test('row 77: a notice is recorded, and read with its time and the decimals of its currency', async (t) => {
  const desk = new Desk(notification, 'acc-1');
  t.same(desk.ask('notify', notice('t1'), inside), { notified: true });
  t.same(desk.journal, [{ type: 'TransferNotified', data: notice('t1'), at: noon }]);
  t.same(noticePage({ events: desk.recorded(), next: 7 }), {
    items: [{ type: 'notice', ...notice('t1'), amount: '100.00', at }],
    next_cursor: '7',
  });
});

t.test(
  'notices are kept in the journal alone: the row of an account with many is as small as with none',
  async (t) => {
    const desk = new Desk(notification, 'acc-1');
    for (let index = 0; index < 30; index++) desk.ask('notify', notice(`t${index}`), inside);
    t.equal(desk.journal.length, 30);
    const { encode } = compileSnapshot(notification.snapshot, notification.initial);
    t.same(encode(desk.state), []);
  },
);

t.test('clients neither write notices nor ask their actor', async (t) => {
  t.equal(notificationContract.commands.notify.internal, true);
  t.equal(notificationContract.commands.record_delivery.internal, true);
  t.same(notificationContract.queries, {});
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

t.test('what became of a delivery is an item of its own', async (t) => {
  const desk = new Desk(notificationAggregate(deliverNotice), 'acc-1');
  desk.ask('notify', notice('t1'), inside);
  const delivery = { transfer_id: 't1', status: 'delivered', message_id: 'm' } as const;
  t.equal(desk.ask('record_delivery', delivery, inside), null);
  t.same(noticePage({ events: desk.recorded().toReversed(), next: null }), {
    items: [
      { type: 'delivery', ...delivery, at },
      { type: 'notice', ...notice('t1'), amount: '100.00', at },
    ],
    next_cursor: null,
  });
});

t.test('a notice reads as its template says, or as one that nobody knows', async (t) => {
  t.same(noticeText(notice('t1')), {
    title: 'Transfer completed',
    text: '100 USD was transferred to acc-2.',
  });
  t.same(noticeText({ ...notice('t1'), template: 'toString' }), { title: 'Notice', text: 'toString' });
});
