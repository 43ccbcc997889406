/**
 * The history of an account's notices as its owner reads it: what was said of each transfer, and what became of saying it
 * where notices are delivered.
 */
import type { HistoryReply, RecordedEvent } from '../model/call.js';
import type { EventData } from '../model/contract.js';
import { cursorOf } from '../model/recorded-event.js';
import type { notificationContract } from './notification-contract.js';
import { shownAmount } from './statement.js';

type Data<N extends keyof (typeof notificationContract)['events'] & string> = EventData<
  typeof notificationContract,
  N
>;

export type NoticeItem = { readonly at: string } & (
  | ({ readonly type: 'notice' } & Data<'TransferNotified'>)
  | ({ readonly type: 'delivery' } & Data<'DeliveryRecorded'>)
);

export function noticePage(history: HistoryReply): {
  items: NoticeItem[];
  next_cursor: string | null;
} {
  return { items: history.events.map(noticeItem), next_cursor: cursorOf(history) };
}

function noticeItem(event: RecordedEvent): NoticeItem {
  const at = new Date(event.at).toISOString();
  // The journal holds what the contract declares; each cast names the schema of its event.
  if (event.type === 'DeliveryRecorded') {
    return { type: 'delivery', ...(event.data as Data<'DeliveryRecorded'>), at };
  }
  const notice = event.data as Data<'TransferNotified'>;
  return { type: 'notice', ...notice, amount: shownAmount(notice.amount, notice.currency), at };
}
