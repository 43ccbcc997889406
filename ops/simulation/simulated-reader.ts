/**
 * Somebody who looks at what was: pages of an actor's history from any version on, forward and back, as far back as it goes,
 * whether it stands in the log still or in the archive.
 *
 *     I3   a page holds the events of its versions, each once, in their order, and what was recorded
 *     I6   none that is not durable
 */
import { isDeepStrictEqual } from 'node:util';
import type { HistoryCall, HistoryReply } from '../../actors/model/call.js';
import { pack, unpack } from '../../actors/model/codec.js';
import type { ActorAnswer } from '../../runtime/actor-client.js';
import type { AuditedActor, JournalAudit } from './journal-audit.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimulatedNode } from './simulated-node.js';
import { Violation } from './workload.js';

export interface ReaderWorld {
  readonly draw: SeededRandom;
  readonly audit: JournalAudit;
  sometimes(name: string): void;
}

/** What a node may answer that cannot read now. */
const passing: ReadonlySet<string> = new Set([
  'deadline-passed',
  'mailbox-full',
  'outcome-unknown',
  'overloaded',
  'shutting-down',
  'storage-behind',
  'storage-unavailable',
]);
const reader = { principal: 'reader', roles: ['admin'], internal: false };

export class SimulatedReader {
  readonly #name: string;
  readonly #world: () => ReaderWorld;
  /** The node that was asked and has not answered. */
  #asked: SimulatedNode | undefined;
  #count = 0;
  #violation: Error | undefined;

  constructor(name: string, world: () => ReaderWorld) {
    this.#name = name;
    this.#world = world;
  }

  /** Asks now and then. Throws what it has found. */
  drive(node: SimulatedNode): void {
    if (this.#violation !== undefined) throw this.#violation;
    const { draw } = this.#world();
    if (this.#asked === node || draw.below(6) > 0) return;
    this.#ask(node, () => {});
  }

  /** Reads every actor's history, one after the other; resolves when the last has been read. Throws what it has found. */
  async readAll(node: SimulatedNode): Promise<void> {
    for (const actor of [...this.#world().audit.actors()]) {
      if (actor.events.length === 0) continue;
      await new Promise<void>((resolve) =>
        this.#page(node, actor, { fromVersion: 0, limit: 1_000 }, resolve),
      );
      if (this.#violation !== undefined) throw this.#violation;
    }
  }

  #ask(node: SimulatedNode, done: () => void): void {
    const { draw, audit } = this.#world();
    const actors = [...audit.actors()].filter(({ events }) => events.length > 0);
    if (actors.length === 0) return;
    const actor = draw.pick(actors);
    const fromVersion = draw.below(actor.events.length + 1);
    this.#asked = node;
    const page = { fromVersion, limit: 1 + draw.below(20), isBackward: draw.below(3) === 0 };
    this.#page(node, actor, page, () => {
      if (this.#asked === node) this.#asked = undefined;
      done();
    });
  }

  #page(
    node: SimulatedNode,
    actor: AuditedActor,
    page: { readonly fromVersion: number; readonly limit: number; readonly isBackward?: boolean },
    done: () => void,
  ): void {
    const { fromVersion, limit, isBackward = false } = page;
    const call: HistoryCall = {
      type: 'history',
      kind: actor.kind.name,
      id: actor.id,
      direction: isBackward ? 'backward' : 'forward',
      fromVersion: isBackward ? fromVersion + 1 : fromVersion,
      limit,
    };
    const commandId = `${this.#name}.${++this.#count}`.padEnd(22, '-');
    const known = actor.events.length;
    node.submit({ call, caller: reader, commandId }, (answer) => {
      try {
        this.#check(actor, call, known, answer);
      } catch (cause) {
        this.#violation ??= cause as Error;
      }
      done();
    });
  }

  #check(actor: AuditedActor, call: HistoryCall, known: number, answer: ActorAnswer): void {
    const { audit, sometimes } = this.#world();
    audit.advance();
    const name = `${call.kind}/${call.id}`;
    if (answer.type === 'failure' && passing.has(answer.code)) return;
    if (answer.type !== 'reply')
      throw new Violation(`I3: the history of ${name} is answered ${answer.code}: ${answer.detail}`);
    // A history call is replied to with a history.
    const { events } = answer.reply as HistoryReply;
    const from = call.fromVersion ?? 0;
    const versions =
      call.direction === 'forward'
        ? range(from + 1, Math.min(known, from + call.limit))
        : range(Math.max(1, from - call.limit), from - 1).reverse();
    if (events.length < versions.length)
      throw new Violation(
        `I3: the history of ${name} from ${from} has ${events.length} events, not ${versions}`,
      );
    for (const [index, event] of events.entries()) {
      const version = call.direction === 'forward' ? from + 1 + index : from - 1 - index;
      const recorded = actor.events[version - 1];
      if (recorded === undefined) throw new Violation(`I6: the history of ${name} shows version ${version}`);
      const isSame =
        event.streamVersion === version &&
        event.type === recorded.type &&
        event.at === recorded.at &&
        (actor.kind.definition.present !== undefined ||
          isDeepStrictEqual(unpack(pack(event.data)), unpack(pack(recorded.data))));
      if (!isSame)
        throw new Violation(
          `I3: the history of ${name} shows ${JSON.stringify(event)} as version ${version}, recorded is ${JSON.stringify(recorded)}`,
        );
    }
    sometimes('a page of history was read');
  }
}

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}
