/**
 * Why a transfer is refused, as a pure function of the settings, the flag and what was approved lately (decision D7).
 * Both rules beside the flag are off by default.
 */
import { parseAmount } from '../model/money.js';
import { unitsOf } from './account-state.js';

/** Velocity rules count at most this many approvals: what the risk actor remembers. */
export const velocityTransfersMax = 256;

export interface RiskSettings {
  /** Refuse amounts from this many whole units of the transfer's currency on. Absent: no amount is too large. */
  readonly amountUnitsFrom?: number;
  /** Refuse a transfer when `transfersMax` (1–256) were approved within the last `windowMs`. Absent: no such rule. */
  readonly velocity?: { readonly transfersMax: number; readonly windowMs: number };
}

export interface TransferFacts {
  readonly amount: string;
  readonly currency: string;
  /** Reason of the sender's flag, or undefined. */
  readonly flag: string | undefined;
  /** Times of the newest approvals, oldest first, Unix ms. */
  readonly approvedAt: readonly number[];
  readonly now: number;
}

/** Throws on settings that no risk actor could keep: a start with them must fail. */
export function checkRiskSettings(settings: RiskSettings): void {
  const { amountUnitsFrom, velocity } = settings;
  if (amountUnitsFrom !== undefined && !(Number.isSafeInteger(amountUnitsFrom) && amountUnitsFrom >= 0)) {
    throw new Error('risk: amountUnitsFrom must be a whole number from 0');
  }
  if (velocity === undefined) return;
  const { transfersMax, windowMs } = velocity;
  if (!Number.isSafeInteger(transfersMax) || transfersMax < 1 || transfersMax > velocityTransfersMax) {
    throw new Error(`risk: velocity.transfersMax must be 1 to ${velocityTransfersMax}`);
  }
  if (!Number.isSafeInteger(windowMs) || windowMs < 1)
    throw new Error('risk: velocity.windowMs must be from 1');
}

/** The reason to refuse, or undefined: approved. */
export function refusalOf(settings: RiskSettings, facts: TransferFacts): string | undefined {
  if (facts.flag !== undefined) return `Account is flagged: ${facts.flag}`;
  const { amountUnitsFrom, velocity } = settings;
  if (amountUnitsFrom !== undefined) {
    const amount = parseAmount(facts.amount, facts.currency);
    if (typeof amount !== 'bigint' || amount >= unitsOf(BigInt(amountUnitsFrom), facts.currency)) {
      return `Amount reaches the limit of ${amountUnitsFrom} ${facts.currency}`;
    }
  }
  if (velocity !== undefined) {
    const since = facts.now - velocity.windowMs;
    const recent = facts.approvedAt.reduce((count, at) => (at > since ? count + 1 : count), 0);
    if (recent >= velocity.transfersMax)
      return `More than ${velocity.transfersMax} transfers in ${velocity.windowMs} ms`;
  }
  return undefined;
}
