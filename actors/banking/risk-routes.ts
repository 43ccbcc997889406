/**
 * The HTTP routes of risk flags (`api.md`), for admins. The account must exist.
 */
import { send } from '../model/contract.js';
import { defineRoute, type Route } from '../model/route.js';
import type { Static } from '../model/typebox.js';
import { accountOf, authorised } from './account-routes.js';
import { FlagInput, type RiskView, riskContract } from './risk-contract.js';

const oneAccount = '/api/v1/risk/accounts/{account_id}';

export const riskRoutes: readonly Route[] = [
  defineRoute<Static<typeof FlagInput>, Static<typeof RiskView>>({
    method: 'POST',
    path: `${oneAccount}/flag`,
    access: ['admin'],
    body: FlagInput,
    mutates: true,
    summary: 'Flag an account: its transfers fail the risk check',
    plan: ({ params, body }) => {
      const { id } = accountOf(params);
      return { type: 'command', ...send(riskContract, id, 'flag', body), guard: authorised(id) };
    },
    answer: (body) => ({ status: 200, body }),
  }),

  defineRoute<undefined, Static<typeof RiskView>>({
    method: 'POST',
    path: `${oneAccount}/unflag`,
    access: ['admin'],
    mutates: true,
    summary: 'Take the flag off an account',
    plan: ({ params }) => {
      const { id } = accountOf(params);
      return { type: 'command', ...send(riskContract, id, 'unflag', {}), guard: authorised(id) };
    },
    answer: (body) => ({ status: 200, body }),
  }),
];
