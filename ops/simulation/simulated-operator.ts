/**
 * A person who looks after dead letters: now and then replays one, or gives one up that was refused, and when everything has
 * healed does so until none is left. What came of it the journal says; the list that a node gives must say the same (E3).
 */
import { isOperatingError } from '../../actors/model/errors.js';
import type { LetterPlace } from '../../runtime/letters/letter-box.js';
import type { Operator } from '../../runtime/operator/operation-ground.js';
import type { AuditedLetter, LetterAudit } from './letter-audit.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimulatedNode } from './simulated-node.js';
import { Violation } from './workload.js';

export interface OperatorWorld {
  readonly draw: SeededRandom;
  /** What the journal tells, up to its newest durable entry. */
  letters(): LetterAudit;
  note(...what: readonly string[]): void;
}

/** After these the letter is as it was, or the next look tells. */
const passing: ReadonlySet<string> = new Set([
  'not-found',
  'outcome-unknown',
  'overloaded',
  'shutting-down',
  'storage-unavailable',
]);
/** After these a look is taken again; who never gets to see the letters has found something (I27). */
const notNow: ReadonlySet<string> = new Set(['overloaded', 'partition-silent', 'storage-unavailable']);
const all = { after: undefined, kind: undefined, id: undefined, limit: 100_000 };

export class SimulatedOperator {
  readonly #name: string;
  readonly #world: () => OperatorWorld;
  /** The node that was asked and has not answered. */
  #asked: SimulatedNode | undefined;
  /** Letters whose replay was refused. */
  readonly #refused = new Set<string>();
  #count = 0;
  #violation: Error | undefined;

  constructor(name: string, world: () => OperatorWorld) {
    this.#name = name;
    this.#world = world;
  }

  /** `isAtWork`: does what is to be done, not only now and then. Throws what it has found. */
  drive(node: SimulatedNode, isAtWork: boolean): void {
    if (this.#violation !== undefined) throw this.#violation;
    const { draw, letters } = this.#world();
    const { waiting } = letters();
    if (this.#asked === node || waiting.length === 0 || (!isAtWork && draw.below(12) > 0)) return;
    const letter = draw.pick(waiting);
    void this.#take(node, letter, this.#isRefused(letter) && draw.below(3) === 0);
  }

  async #take(node: SimulatedNode, letter: AuditedLetter, isSkipped: boolean): Promise<void> {
    const { partition, source, position, ordinal } = letter;
    this.#asked = node;
    const verb = isSkipped ? 'letters.skip' : 'letters.replay';
    const ask = { place: { source, position, ordinal }, isDryRun: false };
    let answer: string;
    try {
      const done = await node.system.operations.ask(partition, verb, ask, this.#operator());
      if ('refused' in done && done.refused !== undefined) this.#refused.add(nameOf(done.refused.place));
      answer = 'replayed' in done ? `${done.replayed} of ${done.replayed + done.left}` : 'skipped';
    } catch (cause) {
      answer = isOperatingError(cause) ? cause.code : String(cause);
      if (!passing.has(answer)) this.#violation ??= new Violation(`${verb} is answered ${answer}`);
    }
    if (this.#asked === node) this.#asked = undefined;
    this.#world().note(verb, nameOf(letter), answer);
  }

  /** It was, or would be after those that it waits for. */
  #isRefused(letter: AuditedLetter): boolean {
    return letter.isRefused || this.#refused.has(nameOf(letter));
  }

  /**
   * Throws unless the node lists the letters that wait by the journal, and no other. False when it cannot list them now, for
   * a shard that opens its store again refuses, or is still taking one.
   */
  async check(node: SimulatedNode, partitionCount: number): Promise<boolean> {
    if (this.#asked === node) return false;
    const names = (letters: readonly LetterPlace[]) => letters.map(nameOf).sort();
    for (let partition = 0; partition < partitionCount; partition++) {
      const letters = await this.#list(node, partition);
      if (letters === undefined) return false;
      const found = names(letters);
      const { waiting } = this.#world().letters();
      const expected = names(waiting.filter((letter) => letter.partition === partition));
      if (found.join() !== expected.join())
        throw new Violation(
          `E3: partition ${partition} lists letters ${found}; by the journal wait ${expected}`,
        );
    }
    return true;
  }

  async #list(node: SimulatedNode, partition: number): Promise<readonly LetterPlace[] | undefined> {
    try {
      return (await node.system.operations.ask(partition, 'letters.list', all, this.#operator())).letters;
    } catch (cause) {
      const code = isOperatingError(cause) ? cause.code : String(cause);
      if (!notNow.has(code)) throw new Violation(`letters.list is answered ${code}`);
      this.#world().note('letters.list', `${partition}`, code);
      return undefined;
    }
  }

  #operator(): Operator {
    return { principal: 'olga', commandId: `${this.#name}.${++this.#count}`.padEnd(22, '-') };
  }
}

function nameOf({ source, position, ordinal }: LetterPlace): string {
  return `${source}.${position}.${ordinal}`;
}
