/**
 * What the risk record of an account understands (row 65). Its id is the account's, so both live in one partition.
 */
import { defineContract } from '../model/contract.js';
import { Type } from '../model/typebox.js';

const Text = Type.String();
const Nothing = Type.Object({});

/** The flag as the API shows it. */
export const RiskView = Type.Object({ account_id: Text, flagged: Type.Boolean(), reason: Text });

export const FlagInput = Type.Object({ reason: Type.String({ minLength: 1, maxLength: 512 }) });

export const riskContract = defineContract({
  kind: 'risk',
  events: {
    AccountFlagged: { version: 1, schema: Type.Object({ reason: Text, flagged_by: Text }) },
    AccountUnflagged: { version: 1, schema: Type.Object({ unflagged_by: Text }) },
    /** Written only while a velocity rule is on: it is what the rule counts. */
    TransferApproved: {
      version: 1,
      schema: Type.Object({ transfer_id: Text, amount: Text, currency: Text }),
    },
  },
  commands: {
    flag: { version: 1, input: FlagInput, reply: RiskView, roles: ['admin'] },
    unflag: { version: 1, input: Nothing, reply: RiskView, roles: ['admin'] },
    check: {
      version: 1,
      input: Type.Object({ transfer_id: Text, amount: Text, currency: Text }),
      reply: Type.Object({ approved: Type.Boolean() }),
      internal: true,
    },
  },
  queries: { get: { input: Nothing, reply: RiskView, roles: ['admin'] } },
  rejections: { risk_check_failed: 409, 'scope-missing': 403 },
});

export type RiskContract = typeof riskContract;
