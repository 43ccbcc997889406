/**
 * The whole bank in one place: every actor of the module at its desk, messages carried in order until none is left, due
 * timers fired as time moves. What the runtime does, without threads, store or network.
 */
import { type BankingSettings, bankingModule } from '../../../../actors/banking/banking.js';
import type { Contract } from '../../../../actors/model/contract.js';
import type { Caller, MessageOrder, Outcome, Rejection } from '../../../../actors/model/message.js';
import type { AnyAggregate } from '../../../../actors/model/module.js';
import type { SagaStatus } from '../../../../actors/model/saga.js';
import { compileSaga } from '../../../../runtime/saga/saga-machine.js';
import { admin, alice, Desk, inside, noon, type Said } from './desk.js';

type Anyone = Desk<Contract, unknown>;

interface Letter extends MessageOrder {
  readonly from: Anyone;
}

/** What becomes of a letter instead of its delivery; undefined: it is delivered. */
export type Interception = (letter: MessageOrder) => Outcome | 'lost' | undefined;

export class Town {
  now = noon;
  intercept: Interception = () => undefined;
  readonly #definitions = new Map<string, AnyAggregate>();
  readonly #desks = new Map<string, Anyone>();
  readonly #letters: Letter[] = [];
  readonly #timers = new Map<
    string,
    { readonly desk: Anyone; dueAt: number; command: string; payload: unknown }
  >();
  /** Step by step: `kind.command` of every message that was carried. */
  readonly carried: string[] = [];

  constructor(settings: BankingSettings = {}) {
    const module = bankingModule(settings);
    for (const aggregate of module.aggregates) this.#definitions.set(aggregate.contract.kind, aggregate);
    for (const saga of module.sagas ?? []) this.#definitions.set(saga.name, compileSaga(saga));
  }

  desk(kind: string, id: string): Anyone {
    const key = `${kind}/${id}`;
    let desk = this.#desks.get(key);
    if (desk === undefined) {
      const definition = this.#definitions.get(kind);
      if (definition === undefined) throw new Error(`no actor of kind ${kind}`);
      desk = new Desk(definition as Desk<Contract, unknown>['definition'], id);
      this.#desks.set(key, desk);
    }
    desk.now = this.now;
    return desk;
  }

  /** Asks from outside and carries all mail that follows. */
  ask(kind: string, id: string, command: string, payload: unknown, caller: Caller = alice): unknown {
    const desk = this.desk(kind, id);
    const said = desk.tell(command, payload, caller);
    if (said.type === 'rejection') return said;
    this.#take(desk, said);
    this.#carry();
    return said.reply;
  }

  open(id: string, initial: string, owner = 'alice', currency = 'USD'): void {
    const payload = { account_type: 'checking', currency, owner_id: owner, initial_deposit: initial };
    this.#must(this.ask('account', id, 'open', payload, admin));
  }

  /** Starts a transfer with this id and answers its status when the mail is carried. */
  transfer(id: string, from: string, to: string, amount: string, currency = 'USD'): SagaStatus {
    const payload = {
      sender_account_id: from,
      receiver_account_id: to,
      amount,
      currency,
      description: 'Test payment',
    };
    this.#must(this.ask('payment_transfer', id, 'start', payload));
    return this.status(id);
  }

  status(id: string): SagaStatus {
    // The compiled saga's contract fixes what `status` answers.
    return this.#must(this.desk('payment_transfer', id).read('status', {}, admin)) as SagaStatus;
  }

  account(id: string) {
    return this.#must(this.desk('account', id).read('get', {}, admin)) as Readonly<Record<string, string>>;
  }

  /** Data of the events of this type over all actors of a kind. */
  events(kind: string, type: string): unknown[] {
    const found: unknown[] = [];
    for (const [key, desk] of this.#desks) {
      if (!key.startsWith(`${kind}/`)) continue;
      for (const event of desk.journal) if (event.type === type) found.push(event.data);
    }
    return found;
  }

  /** Moves time and fires what falls due, in due order, carrying all mail in between. */
  advance(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const next = [...this.#timers]
        .filter(([, timer]) => timer.dueAt <= until)
        .sort((a, b) => a[1].dueAt - b[1].dueAt)[0];
      if (next === undefined) break;
      const [key, timer] = next;
      this.#timers.delete(key);
      this.now = Math.max(this.now, timer.dueAt);
      const said = this.desk(timer.desk.definition.contract.kind, timer.desk.id).tell(
        timer.command,
        timer.payload,
        inside,
      );
      if (said.type === 'accepted') this.#take(timer.desk, said);
      this.#carry();
    }
    this.now = until;
  }

  #take(desk: Anyone, said: Said): void {
    for (const message of said.messages) this.#letters.push({ ...message, from: desk });
    for (const timer of said.timers) {
      const key = `${desk.definition.contract.kind}/${desk.id}/${timer.name}`;
      if (timer.type === 'cancel') this.#timers.delete(key);
      else if (timer.type === 'set')
        this.#timers.set(key, { desk, dueAt: timer.dueAt, command: timer.command, payload: timer.payload });
    }
  }

  #carry(): void {
    for (let letter = this.#letters.shift(); letter !== undefined; letter = this.#letters.shift()) {
      const outcome = this.intercept(letter) ?? this.#deliver(letter);
      if (outcome === 'lost' || letter.tag === undefined) continue;
      const { from } = letter;
      from.now = this.now;
      this.#take(from, from.hear({ tag: letter.tag, outcome }));
    }
  }

  #deliver(letter: Letter): Outcome {
    this.carried.push(`${letter.kind}.${letter.command}`);
    const desk = this.desk(letter.kind, letter.id);
    const said = desk.tell(letter.command, letter.payload, inside);
    if (said.type === 'rejection') return said;
    this.#take(desk, said);
    return { type: 'reply', reply: said.reply };
  }

  #must(answer: unknown): unknown {
    if (typeof answer === 'object' && answer !== null && 'type' in answer && answer.type === 'rejection') {
      const { code, detail } = answer as Rejection;
      throw new Error(`${code}: ${detail}`);
    }
    return answer;
  }
}
