/**
 * A running server as the admin commands ask it: one request, one JSON answer, or an error that says what to do.
 */
import { isErrorCode } from '../../actors/model/errors.js';

/** Longer than any command's deadline at the server. */
const requestTimeoutMs = 30_000;

/** What a person has to read, and whether it is theirs to mend. */
export class AdminError extends Error {
  readonly isRefusal: boolean;

  constructor(message: string, isRefusal: boolean) {
    super(message);
    this.isRefusal = isRefusal;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of a server that may be of another version; each command reads what it shows
export type Json = any;

export interface AdminRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
}

export interface AdminClient {
  readonly url: string;
  ask(request: AdminRequest): Promise<Json>;
}

/** Gives a token for each request: one that is made here lives for a minute, and a command may take longer. */
export type TokenSource = () => Promise<string>;

export function adminClient(url: string, token: TokenSource): AdminClient {
  return {
    url,
    ask: async ({ method = 'GET', path, query = {}, body }) => {
      const address = new URL(path, url);
      for (const [name, value] of Object.entries(query))
        if (value !== undefined) address.searchParams.set(name, String(value));
      const headers: Record<string, string> = { authorization: `Bearer ${await token()}` };
      if (body !== undefined) headers['content-type'] = 'application/json';
      let response: Response;
      let text: string;
      try {
        response = await fetch(address, {
          method,
          headers,
          redirect: 'error',
          signal: AbortSignal.timeout(requestTimeoutMs),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        text = await response.text();
      } catch (cause) {
        throw unreachable(url, cause);
      }
      const answer = parsed(text);
      if (!response.ok) throw refused(response.status, answer);
      if (answer === undefined)
        throw new AdminError(`${url} does not answer in JSON: is it a Troupe server?`, true);
      return answer;
    },
  };
}

function unreachable(url: string, cause: unknown): AdminError {
  if (cause instanceof Error && cause.name === 'TimeoutError')
    return new AdminError(`${url} did not answer within ${requestTimeoutMs / 1000} s`, false);
  // `fetch` wraps what the socket said.
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const why = inner instanceof Error && 'code' in inner ? String(inner.code) : String(inner);
  return new AdminError(
    `no server answers at ${url} (${why}): start one with "troupe start", or say where it is with --url`,
    true,
  );
}

function refused(status: number, problem: Json): AdminError {
  const code = typeof problem?.code === 'string' ? problem.code : `status ${status}`;
  const detail = typeof problem?.detail === 'string' ? problem.detail : 'no details';
  const advice = adviceOf(status);
  const known = isErrorCode(code) ? '' : ` (${status})`;
  return new AdminError(`${code}${known}: ${detail}${advice}`, status < 500);
}

function adviceOf(status: number): string {
  if (status === 401)
    return '; the token is not of this server: give --data with the directory that the server runs on, --token-key-file or --token';
  return status === 403 ? '; the token needs the role admin' : '';
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    // An error page of a proxy, or nothing: the caller says so.
    return undefined;
  }
}
