/**
 * Actors that write to each other, some letters with an answer, and set and cancel timers (L4). The audit of the journal
 * looks after both; here the actors' own memory is compared with what was asked of them: each letter once and in order,
 * each answer once, each ring that stands.
 */
import { commandCall, queryCall } from '../../../actors/model/call.js';
import type { SeededRandom } from '../../../ops/simulation/seeded-random.js';
import {
  type Operation,
  Violation,
  type Workload,
  type WorkloadView,
} from '../../../ops/simulation/workload.js';
import { counterContract, counterModule } from '../../support/counter-module.js';

const timerNames = ['breakfast', 'lunch'];

export function postWorkload(actorCount = 4): Workload {
  const actors = Array.from({ length: actorCount }, (_, index) => `post-${index}`);
  let letterCount = 0;
  return {
    name: 'post',
    modules: [counterModule()],
    next: (draw, now) =>
      nextOperation(draw, actors, now, (count) => {
        letterCount += count;
        return letterCount - count;
      }),
    check: async (view) => {
      const memory = new Map<string, Memory>();
      for (const id of actors) memory.set(id, await remembered(view, id));
      for (const { operation, executions } of view.operations) {
        const { call } = operation;
        if (call.kind !== counterContract.kind || call.type !== 'command' || call.command !== 'tell')
          continue;
        const { to, first, count, tag } = call.payload as Letters;
        for (let number = first; number < first + count; number++) {
          const letter = `${call.id}:${number}`;
          const received = memory.get(to)?.received.filter((other) => other === letter).length;
          if (received !== (number < 0 ? 0 : executions))
            throw new Violation(`I2: letter ${letter} came ${received} times to ${to}`);
          const heard = memory
            .get(call.id)
            ?.heard.filter((other) => other === `${tag}${number}=${number < 0 ? 'refused' : 'reply'}`).length;
          if (tag !== undefined && heard !== executions)
            throw new Violation(`I2: the answer to ${letter} was heard ${heard} times`);
        }
      }
      for (const [id, { received }] of memory) checkOrder(id, received, view);
    },
  };
}

interface Letters {
  readonly to: string;
  readonly first: number;
  readonly count: number;
  readonly tag?: string;
}

interface Memory {
  readonly received: readonly string[];
  readonly heard: readonly string[];
}

function nextOperation(
  draw: SeededRandom,
  actors: readonly string[],
  now: number,
  take: (count: number) => number,
): Operation {
  const id = draw.pick(actors);
  const roll = draw.below(10);
  if (roll < 5) {
    const count = 1 + draw.below(4);
    const tagged = draw.below(2) === 0 ? { tag: 'a' } : {};
    const taken = take(count);
    // Numbers below 0 are refused: without a tag they, and what follows them to the same actor, wait as dead letters.
    const first = draw.below(8) === 0 ? -count - taken : taken;
    const payload = { to: draw.pick(actors), first, count, ...tagged };
    return { call: commandCall(counterContract, id, 'tell', payload) };
  }
  const name = draw.pick(timerNames);
  if (roll < 8) {
    const dueAt = now + draw.below(1_000) - 100;
    return { call: commandCall(counterContract, id, 'schedule', { name, dueAt }) };
  }
  if (roll < 9) return { call: commandCall(counterContract, id, 'unschedule', { name }) };
  return { call: queryCall(counterContract, id, 'get', {}) };
}

async function remembered(view: WorkloadView, id: string): Promise<Memory> {
  const answer = await view.ask(queryCall(counterContract, id, 'get', {}));
  if (answer.type !== 'reply') throw new Violation(`I15: ${id} answers ${JSON.stringify(answer)}`);
  return answer.reply as Memory;
}

/** The letters of one command come in the order in which it wrote them. */
function checkOrder(id: string, received: readonly string[], view: WorkloadView): void {
  const places = new Map(received.map((letter, place) => [letter, place]));
  for (const { operation, executions } of view.operations) {
    const { call } = operation;
    if (executions === 0 || call.type !== 'command' || call.command !== 'tell') continue;
    const { to, first, count } = call.payload as Letters;
    if (to !== id || first < 0) continue;
    for (let number = first + 1; number < first + count; number++) {
      const [before, after] = [places.get(`${call.id}:${number - 1}`), places.get(`${call.id}:${number}`)];
      if (before === undefined || after === undefined || before > after)
        throw new Violation(`I2: ${id} got letter ${number} of ${call.id} before ${number - 1}`);
    }
  }
}
