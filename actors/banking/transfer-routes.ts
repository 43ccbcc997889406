/**
 * The HTTP routes of transfers (`api.md`, decision D6): a transfer is a saga instance, its id the saga's.
 */
import { isActorId, placedId } from '../model/address.js';
import { isoTime } from '../model/iso-time.js';
import { type Rejection, reject } from '../model/message.js';
import { parseAmount } from '../model/money.js';
import { AmountSchema, CurrencySchema } from '../model/money-schema.js';
import { defineRoute, type Route } from '../model/route.js';
import { isFinal, type SagaStatus } from '../model/saga.js';
import { type Static, Type } from '../model/typebox.js';
import { descriptionCharsMax } from './account-contract.js';
import { authorised } from './account-routes.js';
import { paymentTransfer, type TransferInput } from './payment-transfer.js';

const transfers = '/api/v1/transfers';
/** Longest `?wait`: below the minute after which proxies give up on a request. */
export const waitSecondsMax = 55;

const TransferBody = Type.Object({
  sender_account_id: Type.String(),
  receiver_account_id: Type.String(),
  amount: AmountSchema,
  currency: CurrencySchema,
  description: Type.Optional(Type.String({ maxLength: descriptionCharsMax })),
});
type TransferBody = Static<typeof TransferBody>;

export const transferRoutes: readonly Route[] = [
  defineRoute<TransferBody, SagaStatus>({
    method: 'POST',
    path: transfers,
    access: [],
    body: TransferBody,
    mutates: true,
    summary: 'Transfer money between accounts',
    rejections: {
      'id-invalid': 400,
      'same-account': 422,
      currency: 422,
      'validation-failed': 422,
      'amount-not-positive': 422,
      'amount-scale': 422,
      'amount-overflow': 422,
    },
    plan: ({ body, commandId }) => {
      const refused = refusalOf(body);
      if (refused !== undefined) return refused;
      const { sender_account_id, receiver_account_id, amount, currency } = body;
      const payload: Static<typeof TransferInput> = {
        sender_account_id,
        receiver_account_id,
        amount,
        currency,
        description: body.description ?? '',
      };
      return {
        type: 'command',
        kind: paymentTransfer.name,
        id: placedId(`t${commandId}`, sender_account_id),
        command: 'start',
        payload,
        guard: authorised(sender_account_id),
      };
    },
    answer: (status) => {
      const headers = { location: `${transfers}/${status.saga_id}` };
      if (isFinal(status.state)) return { status: 200, body: transferJson(status), headers };
      const { saga_id, state } = status;
      return { status: 202, body: { transfer_id: saga_id, saga_id, state }, headers };
    },
  }),

  defineRoute<undefined, SagaStatus>({
    method: 'GET',
    path: `${transfers}/{transfer_id}`,
    access: [],
    query: ['wait'],
    summary: 'How a transfer stands; with `wait`, held until it ends',
    rejections: { 'query-invalid': 400 },
    plan: ({ params, query }) => {
      const waitMs = waitOf(query.wait);
      if (typeof waitMs !== 'number') return waitMs;
      // The saga answers only who started it, and admins: the others get 404 as for an unknown id.
      const call = {
        type: 'query',
        kind: paymentTransfer.name,
        // The gateway matched the path, so the parameter is there.
        id: params.transfer_id!,
        query: 'status',
        payload: {},
      } as const;
      return waitMs === 0 ? call : { ...call, waitMs };
    },
    answer: (status) => ({ status: 200, body: transferJson(status) }),
  }),
];

function refusalOf(body: TransferBody): Rejection | undefined {
  const { sender_account_id: sender, receiver_account_id: receiver } = body;
  if (!isActorId(sender)) return reject('id-invalid', 'sender_account_id is not a valid id');
  if (!isActorId(receiver)) return reject('id-invalid', 'receiver_account_id is not a valid id');
  if (sender === receiver) return reject('same-account', 'Sender and receiver are the same account');
  const amount = parseAmount(body.amount, body.currency);
  return typeof amount === 'bigint' ? undefined : reject(amount.code, amount.detail);
}

function waitOf(text: string | undefined): number | Rejection {
  if (text === undefined) return 0;
  const seconds = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= waitSecondsMax) return seconds * 1000;
  return reject('query-invalid', `wait must be a whole number of seconds from 0 to ${waitSecondsMax}`);
}

/** The saga's status with times as text, and its id under the name that transfers give it. */
export function transferJson(status: SagaStatus) {
  return {
    transfer_id: status.saga_id,
    ...status,
    step_results: status.step_results.map(({ step, result, timestamp }) => ({
      step,
      result,
      timestamp: isoTime(timestamp),
    })),
    started_at: isoTime(status.started_at),
    completed_at: status.completed_at === null ? null : isoTime(status.completed_at),
  };
}
