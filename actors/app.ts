/**
 * The modules that run when nothing else is asked for. What is asked for stands in the URL that this file is loaded by, so
 * that every thread loads the same: `app.js?risk-model` puts a risk model into the bank's transfers, `app.js?notices`
 * delivers notices of finished ones.
 */
import { bankingModule } from './banking/banking.js';
import type { Module } from './model/module.js';

const { searchParams } = new URL(import.meta.url);

export const modules: readonly Module[] = [
  bankingModule({
    hasRiskModel: searchParams.has('risk-model'),
    deliversNotices: searchParams.has('notices'),
  }),
];
