/**
 * The HTTP routes of accounts (`api.md`). Amounts, owners and states are the account's to judge; here only what a URL or
 * a body says about which call is meant.
 */
import { isClientChosenId } from '../model/address.js';
import type { HistoryCall, HistoryReply, QueryCall } from '../model/call.js';
import { type CommandInput, type CommandName, type Contract, send } from '../model/contract.js';
import { type Rejection, reject } from '../model/message.js';
import {
  limitOf,
  type PageRejection,
  pageRejections,
  timeOf,
  versionCursorOf,
  versionOf,
  versionRange,
  versionRangeOf,
} from '../model/page-query.js';
import { eventPageJson } from '../model/recorded-event.js';
import { defineRoute, type Route, type RouteAnswer, type RouteRequest } from '../model/route.js';
import { type Static, Type } from '../model/typebox.js';
import {
  type AccountContract,
  type AccountView,
  accountContract,
  CreditLimitInput,
  FreezeInput,
  MovementInput,
  OpenInput,
} from './account-contract.js';
import { noticePage } from './notice-page.js';
import { notificationContract } from './notification-contract.js';
import { statementPage } from './statement.js';

const accounts = '/api/v1/accounts';
const oneAccount = `${accounts}/{account_id}`;
const anyone: readonly string[] = [];
const admins: readonly string[] = ['admin'];

const OpenBody = Type.Object({
  account_type: OpenInput.properties.account_type,
  currency: OpenInput.properties.currency,
  initial_deposit: OpenInput.properties.initial_deposit,
  owner_id: Type.Optional(OpenInput.properties.owner_id),
  account_id: Type.Optional(Type.String()),
});

export const accountRoutes: readonly Route[] = [
  defineRoute<Static<typeof OpenBody>, AccountView>({
    method: 'POST',
    path: accounts,
    access: anyone,
    body: OpenBody,
    mutates: true,
    etag: true,
    summary: 'Open an account',
    rejections: { 'id-invalid': 400 },
    plan: ({ body, caller, commandId }) => {
      const { account_id: chosen, owner_id: owner = caller.principal, ...rest } = body;
      if (chosen !== undefined && !isClientChosenId(chosen)) {
        return reject('id-invalid', 'account_id is not a valid id');
      }
      // Without a placement: the accounts of one owner are spread over all partitions.
      return command(chosen ?? `a${commandId}`, 'open', { ...rest, owner_id: owner });
    },
    answer: (view) => ({
      status: 201,
      body: view,
      headers: { location: `${accounts}/${view.account_id}` },
    }),
  }),

  defineRoute<undefined, AccountView>({
    method: 'GET',
    path: oneAccount,
    access: anyone,
    query: ['at_version', 'at'],
    etag: true,
    summary: 'An account, now or as it was',
    rejections: pageRejections,
    plan: ({ params, query }) => {
      const at = momentOf(query.at_version, query.at);
      if (at !== undefined && 'code' in at) return at;
      const call: QueryCall = { type: 'query', ...accountOf(params), query: 'get', payload: {} };
      return at === undefined ? call : { ...call, at };
    },
    answer: ok,
  }),

  movement('deposit', `${oneAccount}/deposits`, 'Deposit money'),
  movement('withdraw', `${oneAccount}/withdrawals`, 'Withdraw money'),

  defineRoute<Static<typeof FreezeInput>, AccountView>({
    method: 'POST',
    path: `${oneAccount}/freeze`,
    access: admins,
    body: FreezeInput,
    mutates: true,
    etag: true,
    summary: 'Freeze an account: nothing can be withdrawn, deposits go on',
    plan: ({ params, body }) => command(accountOf(params).id, 'freeze', body),
    answer: ok,
  }),
  bare('unfreeze', admins, 'Make a frozen account active again'),
  bare('close', anyone, 'Close an account with balance 0 and no open holds'),

  defineRoute<Static<typeof CreditLimitInput>, AccountView>({
    method: 'PUT',
    path: `${oneAccount}/credit-limit`,
    access: admins,
    body: CreditLimitInput,
    mutates: true,
    etag: true,
    summary: 'Set the limit of a credit account',
    plan: ({ params, body }) => command(accountOf(params).id, 'setCreditLimit', body),
    answer: ok,
  }),

  defineRoute<undefined, HistoryReply>({
    method: 'GET',
    path: `${oneAccount}/transactions`,
    access: anyone,
    query: ['cursor', 'limit'],
    summary: 'Movements of money, newest first',
    rejections: pageRejections,
    plan: ({ params, query }) => history(accountContract, params, 'backward', pageBackOf(query)),
    answer: (reply) => ({ status: 200, body: statementPage(reply) }),
  }),

  defineRoute<undefined, HistoryReply>({
    method: 'GET',
    path: `${oneAccount}/notices`,
    access: anyone,
    query: ['cursor', 'limit'],
    summary: 'Notices of transfers and what became of their delivery, newest first',
    rejections: pageRejections,
    plan: ({ params, query }) => history(notificationContract, params, 'backward', pageBackOf(query)),
    answer: (reply) => ({ status: 200, body: noticePage(reply) }),
  }),

  defineRoute<undefined, HistoryReply>({
    method: 'GET',
    path: `${oneAccount}/events`,
    access: anyone,
    query: versionRange,
    isFollowed: true,
    summary: 'Events of an account, oldest first',
    rejections: pageRejections,
    plan: ({ params, query }) => history(accountContract, params, 'forward', versionRangeOf(query)),
    answer: (reply, { query }) => ({ status: 200, body: eventPageJson(reply, query) }),
  }),
];

/** Address and ownership check of the account that a path names; also for routes of what belongs to an account. */
export function accountOf(params: Readonly<Record<string, string>>) {
  // The gateway matched the path, so the parameter is there.
  return { kind: accountContract.kind, id: params.account_id! } as const;
}

export function authorised(id: string) {
  return { kind: accountContract.kind, id, query: 'authorise', payload: {} } as const;
}

function ok(body: unknown): RouteAnswer {
  return { status: 200, body };
}

function command<N extends CommandName<AccountContract>>(
  id: string,
  name: N,
  payload: CommandInput<AccountContract, N>,
) {
  return { type: 'command', ...send(accountContract, id, name, payload) } as const;
}

function movement(name: 'deposit' | 'withdraw', path: string, summary: string): Route {
  return defineRoute<Static<typeof MovementInput>, unknown>({
    method: 'POST',
    path,
    access: anyone,
    body: MovementInput,
    mutates: true,
    summary,
    plan: ({ params, body }) => command(accountOf(params).id, name, body),
    answer: ok,
  });
}

function bare(name: 'unfreeze' | 'close', access: readonly string[], summary: string): Route {
  return defineRoute<undefined, AccountView>({
    method: 'POST',
    path: `${oneAccount}/${name}`,
    access,
    mutates: true,
    etag: true,
    summary,
    plan: ({ params }) => command(accountOf(params).id, name, {}),
    answer: ok,
  });
}

/** Of the account itself, or of what bears its id. */
function history(
  { kind }: Contract,
  params: Readonly<Record<string, string>>,
  direction: 'forward' | 'backward',
  page: HistoryPage | PageRejection,
) {
  if ('type' in page) return page;
  const { id } = accountOf(params);
  return { type: 'history', kind, id, guard: authorised(id), direction, ...page } as const;
}

type HistoryPage = Pick<HistoryCall, 'limit' | 'fromVersion'>;

function pageBackOf({ cursor, limit: limitText }: RouteRequest['query']): HistoryPage | PageRejection {
  const limit = limitOf(limitText);
  if (typeof limit !== 'number') return limit;
  const fromVersion = versionCursorOf(cursor);
  if (typeof fromVersion === 'object') return fromVersion;
  return fromVersion === undefined ? { limit } : { limit, fromVersion };
}

/** The moment that a read asks for; undefined: now. */
function momentOf(
  version: string | undefined,
  time: string | undefined,
): NonNullable<QueryCall['at']> | Rejection | undefined {
  if (version !== undefined && time !== undefined) {
    return reject('query-invalid', 'at_version and at exclude each other');
  }
  if (version !== undefined) {
    const at = versionOf('at_version', version);
    return typeof at === 'number' ? { version: at } : at;
  }
  if (time === undefined) return undefined;
  const at = timeOf('at', time);
  return typeof at === 'number' ? { time: at } : at;
}
