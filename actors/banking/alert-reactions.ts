/**
 * What raises an alert: choreography, since nobody waits for it and nothing depends on it (decision h). These events are
 * rare; deposits and transfers have no reaction, and who did what is read off the journal itself.
 */
import { send } from '../model/contract.js';
import { defineReaction, type Reaction } from '../model/reaction.js';
import { accountContract } from './account-contract.js';
import { alertContract } from './alert-contract.js';
import { riskContract } from './risk-contract.js';

export const alertReactions: readonly Reaction[] = [
  defineReaction(accountContract, 'AccountFrozen', 'freeze-alert', ({ reason, frozen_by }, { id }) =>
    send(alertContract, id, 'raise', { alert: 'account-frozen', reason, raised_by: frozen_by }),
  ),
  defineReaction(accountContract, 'AccountUnfrozen', 'unfreeze-alert', ({ unfrozen_by }, { id }) =>
    send(alertContract, id, 'raise', { alert: 'account-unfrozen', reason: '', raised_by: unfrozen_by }),
  ),
  defineReaction(accountContract, 'AccountClosed', 'close-alert', ({ closed_by }, { id }) =>
    send(alertContract, id, 'raise', { alert: 'account-closed', reason: '', raised_by: closed_by }),
  ),
  defineReaction(riskContract, 'AccountFlagged', 'flag-alert', ({ reason, flagged_by }, { id }) =>
    send(alertContract, id, 'raise', { alert: 'account-flagged', reason, raised_by: flagged_by }),
  ),
];
