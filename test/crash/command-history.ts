/**
 * What was asked and what was answered, per command, and what may never be among the answers.
 *
 * H1  All answers to one key with one status are equal byte for byte, but for `instance` of a problem, which names the
 *     request and not the outcome (RFC 9457).
 * H2  A deposit or withdrawal has one definite status for ever; a transfer may be `202` before it is `200`.
 * H3  A transfer's answers name one saga.
 */
import { errorCode, isDefinite } from '../../bench/http-client.js';
import type { HttpAnswer } from '../../bench/http-connection.js';
import type { Violations } from '../../bench/violations.js';
import type { BankCommand } from './bank-command.js';

/** How a command stands by its answers. `accepted`: a transfer that runs; only its saga knows the end. */
export type Standing =
  | { readonly type: 'unknown' }
  | { readonly type: 'accepted'; readonly id: string }
  /** The money moved; `id` is the transaction's or the transfer's. */
  | { readonly type: 'applied'; readonly id: string }
  | { readonly type: 'refused'; readonly code: string };

export class CommandRecord {
  readonly command: BankCommand;
  standing: Standing = { type: 'unknown' };
  /** Copies sent and not answered yet. */
  inFlight = 0;
  readonly #bodies = new Map<number, string>();

  constructor(command: BankCommand) {
    this.command = command;
  }

  /** Books an answer; anything but a definite one leaves the standing as it is. */
  answered(answer: HttpAnswer, violations: Violations): void {
    if (!isDefinite(answer)) return;
    const { status } = answer;
    const body = answer.body.replace(instanceMember, '');
    const earlier = this.#bodies.get(status);
    if (earlier === undefined) {
      this.#bodies.set(status, body);
    } else if (earlier !== body) {
      violations.add(`${this.command.key}: two answers with status ${status} differ: ${earlier} and ${body}`);
    }
    if (new Set([...this.#bodies.keys()].map((known) => (known === 202 ? 200 : known))).size > 1)
      violations.add(`${this.command.key}: answered with ${[...this.#bodies.keys()].join(' and ')}`);
    this.#stand(standingOf(this.command, answer), violations);
  }

  /** The end of an accepted transfer, read from its saga. */
  ended(answer: HttpAnswer, violations: Violations): void {
    this.#stand(standingOf(this.command, answer), violations);
  }

  #stand(next: Standing, violations: Violations): void {
    const before = idOf(this.standing);
    const after = idOf(next);
    if (before !== undefined && after !== undefined && before !== after)
      violations.add(`${this.command.key}: answered as ${before} and as ${after}`);
    const isKnown = this.standing.type === 'applied' || this.standing.type === 'refused';
    if (isKnown && next.type !== 'accepted' && next.type !== this.standing.type)
      violations.add(`${this.command.key}: was ${this.standing.type} and is ${next.type}`);
    if (!isKnown) this.standing = next;
  }
}

const instanceMember = /"instance":"[^"]*",?/;

function idOf(standing: Standing): string | undefined {
  return 'id' in standing ? standing.id : undefined;
}

function standingOf(command: BankCommand, answer: HttpAnswer): Standing {
  if (answer.status !== 200 && answer.status !== 202) {
    return { type: 'refused', code: `${answer.status} ${errorCode(answer)}` };
  }
  const body: unknown = JSON.parse(answer.body);
  // A success of these routes is an object; a missing field shows as the text "undefined" in a violation.
  const fields = body as Readonly<Record<string, unknown>>;
  if (command.type !== 'transfer') return { type: 'applied', id: String(fields.transaction_id) };
  const id = String(fields.saga_id);
  if (fields.state === 'completed') return { type: 'applied', id };
  if (fields.state === 'compensated') return { type: 'refused', code: 'compensated' };
  if (fields.state === 'failed') return { type: 'refused', code: 'failed' };
  return { type: 'accepted', id };
}
