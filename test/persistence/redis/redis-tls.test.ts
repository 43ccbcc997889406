/** A real server behind TLS that wants client certificates, and an ACL user whose name and password stand in the URL. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { freePort } from '../../../bench/free-port.js';
import { openRedisStore, type RedisStoreOptions } from '../../../persistence/redis/redis-store.js';
import type { Store } from '../../../persistence/store.js';
import { LogWriter } from '../../contracts/log-writer.js';
import { authority, certificatesMissing, signedBy } from '../../support/certificates.js';
import { RedisServer } from '../../support/redis-server.js';
import { hasRedis } from '../../support/redis-suite.js';
import { until } from '../../support/until.js';
import { machineClock } from '../embedded-place.js';
import { quickClock } from './proxied-store.js';
import { withClient } from './redis-place.js';

const missing = certificatesMissing();
if (missing !== undefined && process.env.CI !== undefined) t.fail(missing);

if (hasRedis('a server behind TLS')) {
  t.test('TLS, client certificates and an ACL user', { skip: missing ?? false }, async (t) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'troupe-tls-'));
    t.teardown(() => rmSync(directory, { recursive: true }));
    const ca = authority(directory, 'authority');
    const stranger = authority(directory, 'stranger');
    const certificate = signedBy(ca, 'server');
    const ours = signedBy(ca, 'client');
    const port = await freePort();
    const tlsPort = (number: number, { certificateFile, keyFile }: typeof certificate): string[] => [
      ...['--tls-port', String(number), '--tls-cert-file', certificateFile, '--tls-key-file', keyFile],
      ...['--tls-ca-cert-file', ca.certificateFile, '--tls-auth-clients', 'yes'],
    ];
    const redis = await RedisServer.start({ args: tlsPort(port, certificate) });
    t.teardown(() => redis.stop());
    const rules = ['on', '>w:rd/%', '~bank:*', '+@all', '-@dangerous', '+info', '+config|get'];
    await withClient(redis.url, (client) => client.call('ACL', 'SETUSER', 'bank', ...rules));

    const user = `bank:${encodeURIComponent('w:rd/%')}`;
    const files = { caFile: ca.certificateFile, ...ours };
    const open = async (options: Partial<RedisStoreOptions> = {}): Promise<Store> => {
      const store = await openRedisStore({
        url: `rediss://${user}@127.0.0.1:${port}/0`,
        tls: files,
        prefix: 'bank',
        partitionCount: 2,
        // Of real length: the handshakes of a busy machine take their time.
        clock: machineClock,
        ...options,
      });
      t.teardown(() => store.close());
      return store;
    };
    /** Refused as something that a person must change. */
    const refused = async (words: RegExp, options: Partial<RedisStoreOptions>): Promise<void> => {
      const error = await open(options).then(
        () => undefined,
        (cause: unknown) => cause as Error,
      );
      t.match(error, { code: 'store-access', message: words });
      t.notMatch(error?.message, 'w:rd', 'without the password');
    };

    await refused(/not trusted; name the CA that signed it with --store-ca-file/, { tls: ours });
    await refused(/not trusted/, { tls: { ...files, caFile: stranger.certificateFile } });
    await refused(/client certificate.*--store-cert-file and --store-key-file/, {
      tls: { caFile: ca.certificateFile },
    });
    await refused(/client certificate/, { tls: { ...files, ...signedBy(stranger, 'intruder') } });
    await refused(/WRONGPASS/, { url: `rediss://bank:wrong@127.0.0.1:${port}/0` });
    await refused(/NOPERM/, { prefix: 'other' });

    await t.rejects(open({ url: redis.url.replace('redis:', 'rediss:') }), {
      code: 'store-unreachable',
      message: /does it speak TLS on this port\?/,
    });

    const store = await open({ clock: quickClock });
    const owner = await LogWriter.take(store, [0, 1]);
    await owner.append([0, 1]);
    await withClient(redis.url, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
    const next = owner.group([0, 1]);
    await until(async () => (await store.journal.append(next)).type !== 'unknown');
    t.equal((await store.journal.head(1)).position, 2, 'also after it was connected anew');

    await redis.kill();
    await redis.start({ args: tlsPort(port, signedBy(ca, 'elsewhere', { address: '127.0.0.9' })) });
    await refused(/for another host/, {});
    await redis.kill();
    await redis.start({ args: tlsPort(port, signedBy(ca, 'old', { days: 0 })) });
    await refused(/not valid at this time/, {});
  });
}
