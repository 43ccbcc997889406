/**
 * The bank as a module: accounts, their risk records and notices, the transfer between accounts, and the routes.
 */
import { defineModule, type Module } from '../model/module.js';
import { riskModelPort } from '../providers/risk-model-port.js';
import { account } from './account.js';
import { accountRoutes } from './account-routes.js';
import { notification } from './notification.js';
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
}

/** The bank under these settings. Throws on settings that make no sense. */
export function bankingModule(settings: BankingSettings = {}): Module {
  const { risk = {}, hasRiskModel = false } = settings;
  checkRiskSettings(risk);
  return defineModule({
    name: 'banking',
    aggregates: [account, riskAggregate(risk), notification],
    sagas: [hasRiskModel ? scoredTransfer : paymentTransfer],
    ports: hasRiskModel ? [riskModelPort] : [],
    routes: [...accountRoutes, ...transferRoutes, ...riskRoutes],
  });
}
