/**
 * Who may do what with an account, and what a stranger is told (A1 of `account.ts`).
 */
import type { DecideContext } from '../model/aggregate.js';
import { reject } from '../model/message.js';
import type { Refusal } from './account-rules.js';
import type { AccountState } from './account-state.js';

export function isAdmin(ctx: DecideContext): boolean {
  return ctx.caller.roles.includes('admin');
}

export function notFound(ctx: DecideContext): Refusal {
  return reject('not-found', `Account not found: ${ctx.id}`);
}

/** A1: nobody learns that an account exists unless it is theirs. */
export function strangerTo(state: AccountState, ctx: DecideContext): Refusal | undefined {
  if (state.status === 'none') return notFound(ctx);
  const { caller } = ctx;
  if (caller.principal === state.ownerId || caller.internal || isAdmin(ctx)) return undefined;
  return notFound(ctx);
}

export function notAdmin(ctx: DecideContext): Refusal | undefined {
  if (ctx.caller.internal || isAdmin(ctx)) return undefined;
  return reject('scope-missing', 'Admin access required');
}
