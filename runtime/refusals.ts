/**
 * The recording of a no. Whoever asked from inside, or under a key, finds it in the log; a message that nobody waits for an
 * answer to becomes a dead letter with it. A reply that finds its actor broken or parked is kept: whoever sent it has done
 * what it was asked, and says so once.
 *
 * X1  Nothing of a refused command is in the state, the group or a channel: its record holds the outcome and, where its
 *     message becomes one, the letter.
 */
import type { Activation } from './actor/activation.js';
import { outcomeFailure, type StoredOutcome } from './commit/outcome.js';
import { causeCommand, type StoredLetter } from './commit/record.js';
import type { Domain } from './domain.js';
import type { Executed } from './executed.js';
import type { LetterBox } from './letters/letter-box.js';
import { queuedLetter, toLetter } from './letters/letter-record.js';
import type { MessageItem } from './link/link-protocol.js';
import type { Origin } from './origin.js';
import type { RecordWriter } from './record-writer.js';

export class Refusals {
  readonly #domain: Domain;
  readonly #records: RecordWriter;

  constructor(domain: Domain, records: RecordWriter) {
    this.#domain = domain;
    this.#records = records;
  }

  /**
   * Records a no where the origin needs it recorded; changes nothing else. A failure of an outside command is not
   * recorded: nothing happened, and the same key may succeed once the code is mended or the state has room (D23, D30).
   */
  record(activation: Activation, outcome: StoredOutcome, origin: Origin, now?: number): Executed {
    const isFailure = outcome[0] === outcomeFailure;
    if (isFailure) this.#domain.counters.failures++;
    const isRecorded =
      origin.mustRecord && origin.takes === undefined && !(isFailure && origin.cause[0] === causeCommand);
    if (isRecorded) {
      const time = now ?? activation.partition.timeFor(this.#domain.now, origin.time);
      const letter =
        origin.letter === undefined
          ? undefined
          : this.#queueLetter(activation.partition.letters, origin.letter, outcome, time);
      // What is ready has decided on it.
      const kept = activation.phase === 'ready' ? undefined : origin.kept?.(time);
      this.#records.write(activation, origin, time, outcome, 0, [], kept === undefined ? [] : [kept], letter);
    }
    return { outcome, recorded: isRecorded, version: activation.version };
  }

  /** Undefined when there is no room for one more (`letter-box.ts`, E4). */
  #queueLetter(
    box: LetterBox,
    item: MessageItem,
    outcome: StoredOutcome,
    at: number,
  ): StoredLetter | undefined {
    const { limits, counters } = this.#domain;
    if (!box.hasRoom(limits)) {
      counters.lettersDropped++;
      const [, source, position, ordinal] = item;
      this.#domain.report('error', 'dead-letter-dropped', { source, position, ordinal, code: outcome[1] });
      return undefined;
    }
    counters.lettersQueued++;
    box.add(toLetter(item, outcome, at));
    return queuedLetter(item);
  }
}
