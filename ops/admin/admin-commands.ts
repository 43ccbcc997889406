/**
 * The commands for people who look after a running server: one file per noun beside this one.
 */
import type { Command } from 'commander';
import { addActors } from './actors.js';
import { addAudit } from './audit.js';
import { addDeadLetters } from './dead-letters.js';
import { addReactions } from './reactions.js';
import { addSagas } from './sagas.js';
import { addTimers } from './timers.js';

export function addAdmin(program: Command, exit: (code: number) => void): void {
  addSagas(program, exit);
  addTimers(program, exit);
  addDeadLetters(program, exit);
  addActors(program, exit);
  addAudit(program, exit);
  addReactions(program, exit);
}
