/** Random commands against a model of an account that shares no line with it. */
import fc from 'fast-check';
import t from 'tap';
import { capturedHoldsMax } from '../../../actors/banking/captured-holds.js';
import { openAccount, type unopened, usd } from './support/accounts.js';
import { admin, inside } from './support/desk.js';

const seed = Number(process.env.TROUPE_SEED ?? Date.now() % 1_000_000_007);
const dayMs = 86_400_000;

type Step =
  | { readonly do: 'deposit' | 'withdraw' | 'credit'; readonly cents: number }
  | { readonly do: 'reserve' | 'hold'; readonly id: number; readonly cents: number }
  | { readonly do: 'capture' | 'release' | 'captureHold' | 'releaseHold'; readonly id: number }
  | { readonly do: 'freeze' | 'unfreeze' | 'close' }
  | { readonly do: 'wait'; readonly ms: number };

const cents = fc.oneof(fc.integer({ min: -100, max: 100 }), fc.integer({ min: 1, max: 700_000 }));
const id = fc.integer({ min: 0, max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('deposit', 'withdraw', 'credit'), cents }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('reserve', 'hold'), id, cents }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('capture', 'release', 'captureHold', 'releaseHold'), id }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('freeze', 'unfreeze', 'close') }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 1, max: 2 * dayMs }) }),
  },
) as fc.Arbitrary<Step>;

/** What a clerk with a paper book would say, in cents. Knows open holds and the ids that are used up. */
class Book {
  balance: number;
  status: 'active' | 'frozen' | 'closed' = 'active';
  readonly holds = new Map<string, { cents: number; saga: boolean; day: number }>();
  readonly usedUp = new Map<string, 'captured' | 'cancelled'>();
  readonly #captured: string[] = [];
  spentToday = 0;
  day: number;

  constructor(cents: number, now: number) {
    this.balance = cents;
    this.day = Math.floor(now / dayMs);
  }

  get held(): number {
    let sum = 0;
    for (const hold of this.holds.values()) sum += hold.cents;
    return sum;
  }

  get available(): number {
    return this.balance + 50_000 - this.held;
  }

  /** True when the account has to say yes. */
  admits(step: Step, now: number): boolean {
    const today = Math.floor(now / dayMs);
    const spent = today === this.day ? this.spentToday : 0;
    const open = this.status === 'active';
    switch (step.do) {
      case 'deposit':
      case 'credit':
        if (this.status === 'closed' || step.cents <= 0) return false;
        this.balance += step.cents;
        return true;
      case 'withdraw':
        if (!open || step.cents <= 0 || spent + step.cents > 500_000 || step.cents > this.available)
          return false;
        this.balance -= step.cents;
        this.#spend(today, spent + step.cents);
        return true;
      case 'reserve':
      case 'hold': {
        const saga = step.do === 'reserve';
        const key = (saga ? 't' : 'h') + step.id;
        const hold = this.holds.get(key);
        if (hold !== undefined) return hold.cents === step.cents;
        if (this.usedUp.has(key) || !open || step.cents <= 0 || step.cents > this.available) return false;
        if (!saga && spent + step.cents > 500_000) return false;
        this.holds.set(key, { cents: step.cents, saga, day: today });
        if (!saga) this.#spend(today, spent + step.cents);
        return true;
      }
      case 'capture':
      case 'captureHold': {
        const key = (step.do === 'capture' ? 't' : 'h') + step.id;
        const hold = this.holds.get(key);
        if (hold === undefined) return this.usedUp.get(key) === 'captured';
        this.balance -= hold.cents;
        this.#end(key, 'captured');
        return true;
      }
      case 'release': {
        const key = `t${step.id}`;
        if (this.usedUp.get(key) === 'captured') return false;
        this.#end(key, 'cancelled');
        return true;
      }
      case 'releaseHold': {
        const key = `h${step.id}`;
        const hold = this.holds.get(key);
        if (hold === undefined) return this.usedUp.get(key) === 'cancelled';
        if (hold.day === this.day) this.spentToday -= hold.cents;
        this.#end(key, 'cancelled');
        return true;
      }
      case 'freeze':
        if (!open) return false;
        this.status = 'frozen';
        return true;
      case 'unfreeze':
        if (this.status !== 'frozen') return false;
        this.status = 'active';
        return true;
      case 'close':
        if (!open || this.balance !== 0 || this.holds.size > 0) return false;
        this.status = 'closed';
        return true;
      case 'wait':
        return true;
    }
  }

  #spend(today: number, sum: number): void {
    this.day = today;
    this.spentToday = sum;
  }

  #end(key: string, how: 'captured' | 'cancelled'): void {
    this.holds.delete(key);
    this.usedUp.set(key, how);
    if (how !== 'captured') return;
    this.#captured.push(key);
    if (this.#captured.length > capturedHoldsMax) this.usedUp.delete(this.#captured.shift()!);
  }
}

function text(amount: number): string {
  const digits = String(Math.abs(amount)).padStart(3, '0');
  return `${amount < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

function perform(desk: ReturnType<typeof unopened>, step: Step): unknown {
  switch (step.do) {
    case 'deposit':
    case 'withdraw':
      return desk.ask(step.do, usd(text(step.cents)));
    case 'credit':
      return desk.ask(
        'credit',
        { transfer_id: 'in', ...usd(text(step.cents)), counterparty: 'acc-2', description: '' },
        inside,
      );
    case 'reserve':
      return desk.ask(
        'reserve',
        { hold_id: `t${step.id}`, ...usd(text(step.cents)), counterparty: 'acc-2', description: '' },
        inside,
      );
    case 'hold':
      return desk.ask('hold', {
        ...usd(text(step.cents)),
        hold_id: `h${step.id}`,
        expires_in_seconds: 2_592_000,
      });
    case 'capture':
    case 'release':
      return desk.ask(step.do, { hold_id: `t${step.id}` }, inside);
    case 'captureHold':
    case 'releaseHold':
      return desk.ask(step.do, { hold_id: `h${step.id}` });
    case 'freeze':
      return desk.ask('freeze', { reason: 'x' }, admin);
    case 'unfreeze':
    case 'close':
      return desk.ask(step.do, {}, admin);
    case 'wait':
      desk.now += step.ms;
      return undefined;
  }
}

t.test(`an account and a paper book agree on everything (seed ${seed})`, async (t) => {
  const admitted = { yes: 0, no: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), (steps) => {
      // Twelve ids: fewer than the cancelled ones an account remembers.
      const desk = openAccount({ initial: '1000' }).quietly();
      const book = new Book(100_000, desk.now);
      for (const step of steps) {
        const answer = perform(desk, step);
        const refused = typeof answer === 'object' && answer !== null && 'code' in answer;
        const admits = book.admits(step, desk.now);
        if (refused === admits) throw new Error(`${JSON.stringify(step)}: ${JSON.stringify(answer)}`);
        admitted[admits ? 'yes' : 'no']++;
        const view = desk.read('get', {});
        if ('code' in view) throw new Error(view.code);
        const today = Math.floor(desk.now / dayMs) === book.day ? book.spentToday : 0;
        const told = [view.balance, view.held, view.available, view.daily_withdrawn, view.status];
        const expected = [
          text(book.balance),
          text(book.held),
          text(book.available),
          text(today),
          book.status,
        ];
        if (told.join() !== expected.join()) throw new Error(`${told.join()} is not ${expected.join()}`);
        if (book.available < 0) throw new Error('overdrawn beyond the limit');
      }
      desk.prove();
    }),
    { seed, numRuns: 500 },
  );
  t.ok(admitted.yes > 1000 && admitted.no > 1000, `both sides are exercised: ${JSON.stringify(admitted)}`);
});
