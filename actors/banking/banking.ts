/**
 * The bank as a module: accounts, their risk records, notices and alerts, the transfer between accounts, and the routes.
 */
import { defineModule, type Module } from '../model/module.js';
import { pushPort } from '../providers/message-ports.js';
import { riskModelPort } from '../providers/risk-model-port.js';
import { account } from './account.js';
import { accountRoutes } from './account-routes.js';
import { alert } from './alert.js';
import { alertReactions } from './alert-reactions.js';
import { deliverNotice, noticeDelivery } from './notice-delivery.js';
import { notificationAggregate } from './notification.js';
import { paymentTransfer } from './payment-transfer.js';
import { riskAggregate } from './risk.js';
import { checkRiskSettings, type RiskSettings } from './risk-policy.js';
import { riskRoutes } from './risk-routes.js';
import { scoredTransfer } from './scored-transfer.js';
import { transferRoutes } from './transfer-routes.js';

export interface BankingSettings {
  /** Rules of the risk check beside the flag; none by default (decision D7). */
  readonly risk?: RiskSettings;
  /** A risk model judges every transfer, through the port risk-model. Default false. */
  readonly hasRiskModel?: boolean;
  /** Notices of finished transfers are delivered, through the port push. Default false. */
  readonly deliversNotices?: boolean;
}

/** The bank under these settings. Throws on settings that make no sense. */
export function bankingModule(settings: BankingSettings = {}): Module {
  const { risk = {}, hasRiskModel = false, deliversNotices = false } = settings;
  checkRiskSettings(risk);
  return defineModule({
    name: 'banking',
    aggregates: [
      account,
      riskAggregate(risk),
      notificationAggregate(deliversNotices ? deliverNotice : undefined),
      alert,
    ],
    // Deliveries under way when they were switched off still come to their end.
    sagas: [hasRiskModel ? scoredTransfer : paymentTransfer, noticeDelivery],
    ports: [...(hasRiskModel ? [riskModelPort] : []), ...(deliversNotices ? [pushPort] : [])],
    reactions: alertReactions,
    routes: [...accountRoutes, ...transferRoutes, ...riskRoutes],
  });
}
