/**
 * What every admin command begins with: where the server is, who asks, and how answers are printed.
 *
 * S1  Without --token the development key in the data directory signs a token of a minute for each request; no key is ever made here.
 * S2  Exit code 0: done; 2: refused, with what to do; 1: the server failed.
 */
import { access, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { mintToken } from '../../gateway/authentication.js';
import { addSettings, complain, configuration } from '../command-settings.js';
import { exitCodes } from '../exit-codes.js';
import { readSecret } from '../secret-file.js';
import type { Config, SettingKey } from '../settings.js';
import { systemClock } from '../system-clock.js';
import { jsonText, Output } from '../tools/output.js';
import { type AdminClient, AdminError, adminClient, type Json, type TokenSource } from './admin-client.js';
import { type Column, tableText } from './text-table.js';

const tokenLifetimeSeconds = 60;
const placeSettings: readonly SettingKey[] = ['host', 'port', 'dataDirectory', 'tokenKeyFile', 'configFile'];

export interface SessionOptions {
  readonly url?: string;
  readonly token?: string;
  readonly as?: string;
  readonly json?: boolean;
}

export class AdminSession {
  readonly client: AdminClient;
  readonly output = new Output();
  readonly #asJson: boolean;

  constructor(client: AdminClient, asJson: boolean) {
    this.client = client;
    this.#asJson = asJson;
  }

  /** Rows for people, or one JSON object a line. */
  async list(items: readonly Json[], columns: readonly Column[], empty: string): Promise<void> {
    if (this.#asJson) {
      for (const item of items) await this.output.line(jsonText(item));
    } else if (items.length === 0) {
      this.output.remark(empty);
    } else {
      await this.output.line(tableText(items, columns));
    }
  }

  /** One thing: lines for people, or the JSON object. */
  async show(item: Json, text: (item: Json) => string): Promise<void> {
    await this.output.line(this.#asJson ? jsonText(item) : text(item));
  }

  /** Items of all pages up to `limit`; says when there are more. */
  async pages(
    request: {
      readonly path: string;
      readonly query: Readonly<Record<string, string | boolean | undefined>>;
    },
    limit: number,
  ): Promise<readonly Json[]> {
    const items: Json[] = [];
    let cursor: string | undefined;
    do {
      const query = { ...request.query, cursor, limit: Math.min(limit - items.length, pageLimitMax) };
      const page = await this.client.ask({ path: request.path, query });
      items.push(...page.items);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined && items.length < limit);
    if (cursor !== undefined) this.output.remark(`there is more: --limit shows more than ${limit}`);
    return items;
  }
}

/** Items the server gives at a time. */
const pageLimitMax = 1_000;

/** Adds what all admin commands take, and runs `run` in a session. */
export function adminCommand<Options extends SessionOptions>(
  command: Command,
  exit: (code: number) => void,
  run: (session: AdminSession, options: Options, args: readonly string[]) => Promise<void>,
): Command {
  command
    .option(
      '--url <address>',
      'where the server answers (default: http://127.0.0.1:8080, or as --host and --port say)',
    )
    .option('--token <token>', 'access token of an admin; - reads it from stdin')
    .option(
      '--as <user>',
      'who the journal says did it, where the token is made here (default: your user name)',
    )
    .option('--json', 'JSON, one object a line')
    .action(async () => exit(await inSession(command, run)));
  addSettings(command, (key) => placeSettings.includes(key));
  return command;
}

async function inSession<Options extends SessionOptions>(
  command: Command,
  run: (session: AdminSession, options: Options, args: readonly string[]) => Promise<void>,
): Promise<number> {
  const config = configuration(command);
  if (config === undefined) return exitCodes.refused;
  // Commander keeps what `adminCommand` and the command itself declared.
  const options = command.opts<Options>();
  try {
    const client = adminClient(urlOf(config, options), await tokensOf(config, options));
    await run(new AdminSession(client, options.json === true), options, command.args);
    return exitCodes.stopped;
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    complain(error.message);
    return error.isRefusal ? exitCodes.refused : exitCodes.crashed;
  }
}

function urlOf({ host, port }: Config, { url }: SessionOptions): string {
  if (url === undefined) {
    const isAny = host === '0.0.0.0' || host === '::';
    const name = isAny ? '127.0.0.1' : host;
    return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
  }
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new AdminError(`--url "${url}" is not an address such as http://127.0.0.1:8080`, true);
}

async function tokensOf(config: Config, { token, as }: SessionOptions): Promise<TokenSource> {
  if (token !== undefined) {
    const given = token === '-' ? (await readFile('/dev/stdin', 'utf8')).trim() : token;
    return () => Promise.resolve(given);
  }
  const file = config.tokenKeyFile ?? path.join(config.dataDirectory, 'development.key');
  try {
    await access(file);
  } catch {
    throw new AdminError(
      `there is no key ${file} to make a token with: give --data with the directory that the server runs on, or --token`,
      true,
    );
  }
  const user = as ?? userName();
  return async () => {
    try {
      return await mintToken({
        ...{ key: await readSecret('signing key', file), user, roles: ['admin'] },
        ...{ lifetimeSeconds: tokenLifetimeSeconds, nowMs: systemClock.now() },
      });
    } catch (cause) {
      throw new AdminError(cause instanceof Error ? cause.message : String(cause), true);
    }
  };
}

/** Of the system, where it fits into a token; a container's user may have no name at all. */
function userName(): string {
  try {
    const { username } = userInfo();
    return /^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/.test(username) ? username : 'operator';
  } catch {
    return 'operator';
  }
}
