/**
 * The adapter of a port whose provider speaks JSON over HTTP: activity `create_label` is `POST {url}/create_label` with
 * the input as body and the key as `Idempotency-Key`. Of the answer the fields of the result's schema are taken;
 * providers may say more.
 */
import type { AnyAdapter, Port } from '../../actors/model/activity.js';
import { callProvider } from './http-call.js';

export interface HttpProvider {
  /** Without a slash at its end. */
  readonly url: string;
  readonly token?: string;
}

export function httpAdapter(port: Port, provider: HttpProvider): AnyAdapter {
  const { url, ...credentials } = provider;
  const functions = Object.entries(port.activities).map(([activity, { result, rejections }]) => {
    const declared = new Set(rejections);
    const names = 'properties' in result ? Object.keys(result.properties as object) : [];
    const call: AnyAdapter[string] = async (input, { idempotencyKey, signal, traceparent }) => {
      const answer = await callProvider({
        ...{ url: `${url}/${activity}`, body: input, idempotencyKey, traceparent, signal },
        ...{ rejections: declared, ...credentials },
      });
      return answer.type === 'rejection' ? answer : picked(answer.fields, names);
    };
    return [activity, call] as const;
  });
  return Object.fromEntries(functions);
}

function picked(answer: Readonly<Record<string, unknown>>, names: readonly string[]): unknown {
  return Object.fromEntries(names.filter((name) => name in answer).map((name) => [name, answer[name]]));
}
