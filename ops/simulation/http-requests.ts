/**
 * What a simulated client asks, as an HTTP request to the generic routes; and what it is answered, as an answer again.
 *
 * H1  An answer says no more than its bytes did: a repeat that is answered otherwise shows in it.
 */
import type { ActorCall } from '../../actors/model/call.js';
import type { Contract } from '../../actors/model/contract.js';
import type { Caller } from '../../actors/model/message.js';
import type { Module } from '../../actors/model/module.js';
import { keyedCommandId } from '../../gateway/idempotency.js';
import type { ActorAnswer } from '../../runtime/actor-client.js';
import { contractOf } from '../../runtime/saga/saga-contract.js';

export interface ClientRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: string;
  readonly body: string;
  readonly caller: Caller;
  readonly idempotencyKey?: string;
  readonly prefer?: string;
  readonly lastEventId?: string;
}

export interface ClientAnswer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string;
}

interface Routed {
  readonly operation: string;
  readonly path: string;
}

const root = '/api/v1/actors';

export class HttpRequests {
  readonly #contracts = new Map<string, Contract>();
  readonly #sagas = new Set<string>();

  constructor(modules: readonly Module[]) {
    for (const { aggregates, sagas = [] } of modules) {
      for (const { contract } of aggregates) this.#contracts.set(contract.kind, contract);
      for (const saga of sagas) {
        // Without roles a saga has no routes of its own.
        if (saga.roles === undefined) continue;
        this.#contracts.set(saga.name, contractOf(saga));
        this.#sagas.add(saga.name);
      }
    }
  }

  /** The id under which a keyed command is recorded; undefined when no route takes it. */
  commandIdOf(call: ActorCall, caller: Caller, key: string): string | undefined {
    const routed = this.#routed(call);
    if (routed === undefined || call.type !== 'command') return undefined;
    const { operation } = routed;
    return keyedCommandId({ principal: caller.principal, operation, target: call.id, key });
  }

  /** Undefined when no route takes the call. `isForged`: under the same key, with other bytes that mean the same. */
  requestOf(
    call: ActorCall,
    caller: Caller,
    how: { readonly key: string; readonly isForged: boolean },
  ): ClientRequest | undefined {
    const routed = this.#routed(call);
    if (routed === undefined) return undefined;
    const { path } = routed;
    if (call.type !== 'command') return { method: 'GET', path, body: '', caller };
    const body = `${JSON.stringify(call.payload)}${how.isForged ? ' ' : ''}`;
    const prefer =
      call.waitMs === undefined ? {} : { prefer: `wait=${Math.max(1, Math.round(call.waitMs / 1_000))}` };
    return { method: 'POST', path, body, caller, idempotencyKey: how.key, ...prefer };
  }

  answerOf(call: ActorCall, answer: ClientAnswer): ActorAnswer {
    const { status, headers, body } = answer;
    const parsed = JSON.parse(body) as { readonly version?: number; readonly code?: string };
    const replayed = headers.includes('idempotency-replayed');
    if (status < 300) return { type: 'reply', reply: parsed, version: parsed.version ?? 0, replayed };
    const { code = `status-${status}` } = parsed;
    const rejection = this.#contracts.get(call.kind)?.rejections[code];
    // The whole answer, so that repeats are compared by their bytes (H1).
    if (rejection !== undefined) return { type: 'rejection', code, detail: body, status, replayed };
    return { type: 'failure', code, detail: body };
  }

  #routed(call: ActorCall): Routed | undefined {
    const contract = this.#contracts.get(call.kind);
    if (contract === undefined || call.type === 'history' || call.guard !== undefined) return undefined;
    const place = `${root}/${call.kind}/${encodeURIComponent(call.id)}`;
    if (call.type === 'command') {
      const spec = contract.commands[call.command];
      if (spec === undefined || spec.internal === true) return undefined;
      if (call.waitMs !== undefined && !this.#sagas.has(call.kind)) return undefined;
      const operation = `POST ${root}/${call.kind}/{id}/${call.command}`;
      return { operation, path: `${place}/${call.command}` };
    }
    const query = this.#sagas.has(call.kind) ? 'status' : 'get';
    // The generic route asks with nothing.
    const isPlain = !('at' in call) && call.waitMs === undefined && JSON.stringify(call.payload) === '{}';
    if (!isPlain || call.query !== query || contract.queries[query] === undefined) return undefined;
    return { operation: `GET ${root}/${call.kind}/{id}`, path: place };
  }
}
