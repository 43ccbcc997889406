/**
 * Appends to a few lists and reads them whole (L3). Every item of an answered append stands where the answer said, once; a
 * read is the beginning of what the list becomes, as long as its version says (I3, I21).
 */
import { defineAggregate } from '../../../actors/model/aggregate.js';
import { commandCall, queryCall } from '../../../actors/model/call.js';
import { defineContract } from '../../../actors/model/contract.js';
import { defineModule } from '../../../actors/model/module.js';
import { Type } from '../../../actors/model/typebox.js';
import { Violation, type Workload } from '../../../ops/simulation/workload.js';

const Item = Type.Object({ item: Type.String() });
const Items = Type.Object({ items: Type.Array(Type.String()) });

export const listContract = defineContract({
  kind: 'list',
  events: { Appended: { version: 1, schema: Item } },
  commands: { append: { version: 1, input: Item, reply: Type.Object({ place: Type.Integer() }) } },
  queries: { all: { input: Type.Object({}), reply: Items } },
  rejections: {},
});

const lists = defineAggregate(listContract, {
  initial: () => ({ items: [] as string[] }),
  decide: {
    append: (_state, { item }) => ({
      events: [{ type: 'Appended', data: { item } }],
      reply: (after) => ({ place: after.items.length }),
    }),
  },
  evolve: {
    Appended: (state, { item }) => {
      state.items.push(item);
      return state;
    },
  },
  read: { all: ({ items }) => ({ items: [...items] }) },
  snapshot: { version: 1 },
});

export const listModule = defineModule({ name: 'lists', aggregates: [lists] });

export function listWorkload(listCount = 3): Workload {
  let number = 0;
  return {
    name: 'lists',
    modules: [listModule],
    next: (draw) => {
      const id = `list-${draw.below(listCount)}`;
      if (draw.below(10) < 3) return { call: queryCall(listContract, id, 'all', {}) };
      return {
        call: commandCall(listContract, id, 'append', { item: `item${++number}` }),
        sent: draw.below(5) === 0 ? 'once' : 'keyed',
      };
    },
    check: async (view) => {
      const final = new Map<string, readonly string[]>();
      for (let list = 0; list < listCount; list++) {
        const answer = await view.ask(queryCall(listContract, `list-${list}`, 'all', {}));
        if (answer.type !== 'reply')
          throw new Violation(`I15: list-${list} answers ${JSON.stringify(answer)}`);
        final.set(`list-${list}`, (answer.reply as { items: readonly string[] }).items);
      }
      for (const { operation, answer, executions } of view.operations) {
        const { call } = operation;
        if (call.kind !== listContract.kind) continue;
        const items = final.get(call.id) ?? [];
        if (call.type === 'query' && answer?.type === 'reply') {
          const seen = (answer.reply as { items: readonly string[] }).items;
          if (seen.length !== answer.version || seen.some((item, index) => item !== items[index]))
            throw new Violation(`I3: ${call.id} was read as ${seen} at ${answer.version}, and is ${items}`);
        } else if (call.type === 'command') {
          const { item } = call.payload as { item: string };
          const found = items.filter((other) => other === item).length;
          if (found !== executions)
            throw new Violation(`I2: ${item} stands ${found} times, executed ${executions}`);
          const place = answer?.type === 'reply' ? (answer.reply as { place: number }).place : undefined;
          if (place !== undefined && items[place - 1] !== item)
            throw new Violation(`I1: ${item} was put at ${place}; there is ${items[place - 1]}`);
        }
      }
    },
  };
}
