/**
 * The delivery of one notice through the port push, and the record of what became of it (row 106). A saga of its own,
 * named by its transfer: a provider that is slow or gone costs no transfer anything.
 *
 * It is addressed to a topic, `account.{id}`: who listens there is the push service's to know. The bank keeps nobody's
 * mail address or number, because what is in an event cannot be erased (decision D29).
 */
import { perform } from '../model/activity.js';
import type { MessageOrder } from '../model/message.js';
import { defineSaga } from '../model/saga.js';
import { Type } from '../model/typebox.js';
import { pushPort } from '../providers/message-ports.js';
import { noticeText } from './notice-templates.js';
import { type Deliver, recordDelivery } from './notification.js';
import { Notice } from './notification-contract.js';

const name = 'notice_delivery';

export const noticeDelivery = defineSaga({
  name,
  version: 1,
  input: Type.Object({ account_id: Type.String(), ...Notice.properties }),
  events: {},
  steps: [
    {
      name: 'push',
      optional: true,
      activity: ({ input }) =>
        perform(pushPort, 'send', { device: `account.${input.account_id}`, ...noticeText(input) }),
    },
    {
      name: 'record',
      call: ({ input, results }) => {
        // The port's schema has checked it; absent when the step failed.
        const sent = results.push as { readonly message_id: string } | undefined;
        return recordDelivery(input.account_id, {
          transfer_id: input.transfer_id,
          status: sent === undefined ? 'failed' : 'delivered',
          message_id: sent?.message_id ?? '',
        });
      },
    },
  ],
});

/** Under the transfer's id: a notice is delivered once, and beside its transfer. */
export const deliverNotice: Deliver = (account_id, notice): MessageOrder => ({
  kind: name,
  id: notice.transfer_id,
  command: 'start',
  payload: { account_id, ...notice },
});
