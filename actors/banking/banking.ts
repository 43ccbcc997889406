/**
 * The bank as a module: accounts, their risk records and notices, the transfer between accounts, and the routes.
 */
import { defineModule, type Module } from '../model/module.js';
import { account } from './account.js';
import { accountRoutes } from './account-routes.js';
import { notification } from './notification.js';
import { paymentTransfer } from './payment-transfer.js';
import { riskAggregate } from './risk.js';
import { checkRiskSettings, type RiskSettings } from './risk-policy.js';
import { riskRoutes } from './risk-routes.js';
import { transferRoutes } from './transfer-routes.js';

export interface BankingSettings {
  /** Rules of the risk check beside the flag; none by default (decision D7). */
  readonly risk?: RiskSettings;
}

/** The bank under these settings. Throws on settings that make no sense. */
export function bankingModule(settings: BankingSettings = {}): Module {
  const risk = settings.risk ?? {};
  checkRiskSettings(risk);
  return defineModule({
    name: 'banking',
    aggregates: [account, riskAggregate(risk), notification],
    sagas: [paymentTransfer],
    routes: [...accountRoutes, ...transferRoutes, ...riskRoutes],
  });
}
