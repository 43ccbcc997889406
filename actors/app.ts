/**
 * The modules that run when nothing else is asked for.
 */
import { bankingModule } from './banking/banking.js';
import type { Module } from './model/module.js';

export const modules: readonly Module[] = [bankingModule()];
