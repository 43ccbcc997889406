/**
 * One POST of JSON to a provider, and what its answer means.
 *
 *     answer                                         meaning
 *     2xx with a JSON object                         the object
 *     4xx with a `code` the activity declares        the rejection
 *     429, 425; no connection made                   provider-unavailable: nothing happened
 *     3xx and other 4xx                              provider-refused: somebody has to look
 *     5xx, 408, no answer, a broken, endless or
 *     unreadable one                                 outcome-unknown
 *
 * H1  The answer is read to `answerBytesMax` and not further; a redirect is not followed, so that neither key nor token
 *     goes anywhere else.
 * H2  No error text holds anything of the request, the token or the answer, but for a rejection's own `detail`.
 */
import { OperatingError } from '../../actors/model/errors.js';
import { type Rejection, reject } from '../../actors/model/message.js';
import { cameBeforeSending } from './connection-failure.js';

/** Providers answer with a few fields: more is not an answer. */
export const answerBytesMax = 65_536;
const detailCharsMax = 500;

export interface HttpCall {
  readonly url: string;
  readonly body: unknown;
  readonly idempotencyKey: string;
  /** Sent as a bearer token; absent: none. */
  readonly token?: string;
  readonly traceparent: string;
  readonly signal: AbortSignal;
  /** Codes that an error answer may carry as its `code`. */
  readonly rejections: ReadonlySet<string>;
}

type Fields = Readonly<Record<string, unknown>>;

export async function callProvider(
  call: HttpCall,
): Promise<{ readonly type: 'answer'; readonly fields: Fields } | Rejection> {
  const response = await sent(call);
  const { status } = response;
  if (status >= 200 && status < 300) return { type: 'answer', fields: await answerOf(response) };
  if (status >= 400 && status < 500) {
    const rejection = await rejectionOf(response, call.rejections);
    if (rejection !== undefined) return rejection;
  }
  // A body that broke off cannot be cancelled either; the status is what counts.
  await response.body?.cancel().catch(() => undefined);
  if (status === 429 || status === 425) {
    throw new OperatingError('provider-unavailable', `the provider answered ${status}`);
  }
  if (status >= 500 || status === 408) throw unknown(`the provider answered ${status}`);
  throw new OperatingError('provider-refused', `the provider answered ${status}`);
}

async function sent({ url, body, idempotencyKey, token, traceparent, signal }: HttpCall): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        'idempotency-key': idempotencyKey,
        ...(traceparent === '' ? {} : { traceparent }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal,
    });
  } catch (error) {
    const code = causeOf(error);
    if (cameBeforeSending(code)) throw new OperatingError('provider-unavailable', `no connection: ${code}`);
    throw unknown(`no answer: ${code}`);
  }
}

/** `fetch` says only that it failed; why is in its cause, or in the causes of several addresses. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  if (typeof first === 'object' && first !== null && 'code' in first && typeof first.code === 'string') {
    return first.code;
  }
  return first instanceof Error ? first.name : 'unknown';
}

async function answerOf(response: Response): Promise<Fields> {
  try {
    const fields = await fieldsOf(response);
    if (fields !== undefined) return fields;
  } catch (error) {
    throw unknown(`the answer broke off: ${causeOf(error)}`);
  }
  throw unknown('the answer is no JSON object');
}

async function rejectionOf(
  response: Response,
  rejections: ReadonlySet<string>,
): Promise<Rejection | undefined> {
  // A status of 4xx is an answer by itself: a body that breaks off or makes no sense takes nothing from it.
  const { code, detail } = (await fieldsOf(response).catch(() => undefined)) ?? {};
  if (typeof code !== 'string' || !rejections.has(code)) return undefined;
  return reject(code, typeof detail === 'string' ? detail.slice(0, detailCharsMax) : code);
}

/** Undefined when the body is not one JSON object of an allowed size. */
async function fieldsOf(response: Response): Promise<Fields | undefined> {
  const text = await textOf(response);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return value as Fields;
  } catch {
    // Garbage gets the same answer as a value of another shape.
    return undefined;
  }
}

/** Undefined when the body is larger than allowed; the rest of it is not read. */
async function textOf({ body }: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (size > answerBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function unknown(detail: string): OperatingError {
  return new OperatingError('outcome-unknown', detail);
}
