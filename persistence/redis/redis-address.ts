/**
 * Where the Redis server is and how to speak to it: the URL taken apart, with certificates. Says itself without secrets.
 */
import { readFileSync } from 'node:fs';
import { StoreFailure } from '../store-failure.js';

/** Files of `rediss://`; all optional. Read again at each connection, so that a renewed certificate is used. */
export interface RedisTlsFiles {
  readonly caFile?: string | undefined;
  /** A client certificate, for servers that ask for one; both or none. */
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly isTls: boolean;
  readonly tlsFiles: RedisTlsFiles;
  /** `127.0.0.1:6379/0`: for people; holds no user and no password. */
  readonly shown: string;
}

const defaultPort = 6379;

/** Throws `StoreFailure` `store-address`; its message holds nothing that stands before the `@`. */
export function parseRedisUrl(url: string, tlsFiles: RedisTlsFiles = {}): RedisAddress {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw addressFailure(url, 'is no URL');
  }
  const { hostname, port, pathname, protocol } = parsed;
  if (hostname === '') throw addressFailure(url, 'names no host');
  if (parsed.search !== '' || parsed.hash !== '')
    throw addressFailure(url, 'has a query; options of the store are settings of their own');
  if (!/^(\/(\d{1,4})?)?$/.test(pathname)) throw addressFailure(url, 'names no database by its number');
  const isTls = protocol === 'rediss:';
  const hasFiles = Object.values(tlsFiles).some((file) => file !== undefined);
  if (hasFiles && !isTls)
    throw addressFailure(url, 'is not encrypted, yet a certificate is given; use rediss://');
  if ((tlsFiles.certificateFile === undefined) !== (tlsFiles.keyFile === undefined))
    throw addressFailure(url, 'needs both the client certificate and its key, or neither');
  const address = {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? defaultPort : Number(port),
    db: Number(pathname.slice(1)),
    username: parsed.username === '' ? undefined : decodeURIComponent(parsed.username),
    password: parsed.password === '' ? undefined : decodeURIComponent(parsed.password),
    isTls,
    tlsFiles,
  };
  return { ...address, shown: `${hostname}:${address.port}/${address.db}` };
}

/** What the TLS handshake needs; undefined without TLS. Throws `store-address` when a file cannot be read. */
export function tlsOptions(
  address: RedisAddress,
): { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer } | undefined {
  if (!address.isTls) return undefined;
  const { caFile, certificateFile, keyFile } = address.tlsFiles;
  return {
    ...(caFile === undefined ? {} : { ca: read(caFile) }),
    ...(certificateFile === undefined ? {} : { cert: read(certificateFile) }),
    ...(keyFile === undefined ? {} : { key: read(keyFile) }),
  };
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StoreFailure('store-address', `a certificate file for Redis cannot be read: ${why}`, { cause });
  }
}

function addressFailure(url: string, why: string): StoreFailure {
  const shown = url.replace(/\/\/.*@/, '//');
  return new StoreFailure('store-address', `"${shown}" ${why}; use redis://[user:password@]host[:port][/db]`);
}
