/** `reliability.md` §3 rows 47–53 and 57, requirement rows 133 and 137, decision D28. */
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import t, { type Test } from 'tap';
import {
  Authenticator,
  mintToken,
  tokenAudience,
  tokenIssuer,
  tokenType,
} from '../../gateway/authentication.js';
import type { RawResponse } from '../support/http-client.js';
import { coin, GatewayFixture, problemCode, tokenSecret } from './gateway-fixture.js';

const fixture = await GatewayFixture.start();
t.teardown(() => fixture.close());
const path = '/api/v1/jars/j1';
const nowSeconds = Math.floor(Date.now() / 1000);

const goodHeader = { alg: 'HS256', typ: tokenType };
const goodClaims = {
  iss: tokenIssuer,
  aud: tokenAudience,
  sub: 'alice',
  roles: ['customer'],
  iat: nowSeconds,
  exp: nowSeconds + 600,
};
const without = (name: keyof typeof goodClaims) => ({ ...goodClaims, [name]: undefined });

/** A token put together by hand, so that it can be wrong in any way. */
function token(header: object, claims: object, secret: Uint8Array | string = tokenSecret): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const ask = (authorization: string): Promise<RawResponse> =>
  fixture.send({ path, headers: { authorization } });

async function refused(t: Test, authorization: string, code: string, says = code): Promise<void> {
  const answer = await ask(authorization);
  t.equal(`${answer.status} ${problemCode(answer)}`, `401 ${code}`, says);
  t.match(answer.headers.get('www-authenticate'), /^Bearer/);
}

t.test('a good token opens the route', async (t) => {
  t.equal((await ask(`Bearer ${token(goodHeader, goodClaims)}`)).status, 200);
  t.equal((await ask(`bearer ${token(goodHeader, goodClaims)}`)).status, 200, 'the scheme has no case');
  t.match(fixture.actors.requests.at(-1)?.caller, {
    principal: 'alice',
    roles: ['customer'],
    internal: false,
  });
});

t.test('row 47: without credentials, or with those of another scheme, they are asked for', async (t) => {
  const answer = await fixture.send({ path });
  t.equal(`${answer.status} ${problemCode(answer)}`, '401 credentials-missing');
  t.equal(answer.headers.get('www-authenticate'), 'Bearer');
  await refused(t, 'Basic YTpi', 'credentials-missing');
});

t.test('row 137: an empty token and the word invalid are refused with the stated wording', async (t) => {
  for (const authorization of ['Bearer', 'Bearer ', 'Bearer invalid', 'Bearer a.b', 'Bearer a.b.c.d.e']) {
    await refused(t, authorization, 'token-invalid', authorization);
    t.equal(JSON.parse((await ask(authorization)).body).detail, 'Invalid authentication');
  }
});

t.test('row 48: a token or key in the URL is refused wherever it goes', async (t) => {
  const secret = token(goodHeader, goodClaims);
  const queries = [
    `access_token=${secret}`,
    `x=${secret}`,
    'api_key=abc',
    'API-KEY=abc',
    'a=b&token=abc',
    'apikey=abc',
  ];
  for (const url of [
    ...queries.map((query) => `${path}?${query}`),
    `/api/v1/jars/${secret}`,
    `/api/v1/jars/${secret.replaceAll('.', '%2E')}`,
    `/nowhere?token=${secret}`,
  ]) {
    const answer = await fixture.send({ path: url });
    t.equal(`${answer.status} ${problemCode(answer)}`, '400 credentials-in-url', url);
    t.notMatch(answer.body, secret);
  }
  t.same(fixture.reported, []);
  const authorization = `Bearer ${secret}`;
  for (const name of ['eyJulia', 'eyJulia.from.the.accounts.department']) {
    const answer = await fixture.send({ path: `/api/v1/jars/${name}`, headers: { authorization } });
    t.equal(answer.status, 200, `${name} is a name`);
  }
});

t.test('row 49: no algorithm, or none that is allowed, is refused', async (t) => {
  for (const alg of ['none', 'None', 'NONE', 'HS384', 'RS256', '', undefined, 5]) {
    await refused(t, `Bearer ${token({ ...goodHeader, alg }, goodClaims)}`, 'token-invalid', String(alg));
  }
  const unsigned = token({ ...goodHeader, alg: 'none' }, goodClaims)
    .split('.')
    .slice(0, 2)
    .join('.');
  await refused(t, `Bearer ${unsigned}.`, 'token-invalid', 'without a signature');
  await refused(
    t,
    `Bearer ${token(goodHeader, goodClaims, Buffer.alloc(32, 8))}`,
    'token-invalid',
    'another key',
  );
  const tampered = token(goodHeader, goodClaims).split('.');
  tampered[1] = Buffer.from(JSON.stringify({ ...goodClaims, roles: ['admin'] })).toString('base64url');
  await refused(t, `Bearer ${tampered.join('.')}`, 'token-invalid', 'changed claims');
});

t.test('row 50: a public key is no secret to sign with', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authenticator = new Authenticator({
    key: { algorithm: 'ES256', key: publicKey },
    benchAllowed: false,
  });
  const verify = (bearer: string) =>
    new Promise((resolve) => authenticator.verify(`Bearer ${bearer}`, Date.now(), resolve));
  const genuine = await new SignJWT(goodClaims)
    .setProtectedHeader({ alg: 'ES256', typ: tokenType })
    .sign(privateKey);
  t.match(await verify(genuine), { caller: { principal: 'alice' } });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  t.equal(await verify(token(goodHeader, goodClaims, pem)), 'token-invalid');
});

t.test('row 51: a token that brings or points at a key, or asks for extensions, is refused', async () => {
  const jwk = { kty: 'oct', k: tokenSecret.toString('base64url') };
  for (const field of [
    { jwk },
    { jku: 'http://127.0.0.1:1/' },
    { x5u: 'http://127.0.0.1:1/' },
    { x5c: ['a'] },
    { crit: ['exp'] },
  ]) {
    await refused(
      t,
      `Bearer ${token({ ...goodHeader, ...field }, goodClaims)}`,
      'token-invalid',
      Object.keys(field)[0],
    );
  }
});

t.test('row 52: expired and not yet valid tokens say so, with 30 s of leeway for clocks', async (t) => {
  const at = (claims: object) => `Bearer ${token(goodHeader, { ...goodClaims, ...claims })}`;
  await refused(t, at({ iat: nowSeconds - 700, exp: nowSeconds - 100 }), 'token-expired');
  await refused(
    t,
    at({ iat: nowSeconds - 700, exp: nowSeconds - 1 }),
    'token-expired',
    'expiry has no leeway',
  );
  await refused(t, at({ nbf: nowSeconds + 100 }), 'token-not-yet-valid');
  await refused(t, at({ iat: nowSeconds + 100, exp: nowSeconds + 200 }), 'token-not-yet-valid');
  t.equal((await ask(at({ nbf: nowSeconds + 15, iat: nowSeconds + 15 }))).status, 200);
});

t.test('row 53: issuer, audience, type, subject, times and lifetime are mandatory', async (t) => {
  const claims: [string, object][] = [
    ['issuer', { ...goodClaims, iss: 'other' }],
    ['no issuer', without('iss')],
    ['audience', { ...goodClaims, aud: 'other' }],
    ['no audience', without('aud')],
    ['no expiry', without('exp')],
    ['no issue time', without('iat')],
    ['no subject', without('sub')],
    ['a subject that is no id', { ...goodClaims, sub: 'a b' }],
    ['no roles', without('roles')],
    ['roles that are no list', { ...goodClaims, roles: 'admin' }],
    ['too long a life', { ...goodClaims, exp: nowSeconds + 3_700 }],
  ];
  for (const [says, each] of claims)
    await refused(t, `Bearer ${token(goodHeader, each)}`, 'token-invalid', says);
  for (const typ of [undefined, 'JWT', 'id+jwt']) {
    await refused(t, `Bearer ${token({ ...goodHeader, typ }, goodClaims)}`, 'token-invalid', `type ${typ}`);
  }
});

t.test('row 57: the wrong role is 403, and an admin passes every route', async (t) => {
  const put = async (...roles: string[]) =>
    fixture.json('PUT', '/api/v1/jars/roles/coins', coin, {
      authorization: await fixture.token('x', ...roles),
    });
  const customer = await put('customer');
  t.equal(`${customer.status} ${problemCode(customer)}`, '403 scope-missing');
  t.equal((await put('service')).status, 200);
  t.equal((await put('admin')).status, 200);
  const wiped = await fixture.json('DELETE', path);
  t.equal(JSON.parse(wiped.body).detail, 'Admin access required', 'row 133');
});

t.test('decision D28: bench is a customer in development and nobody in production', async (t) => {
  await fixture.json('GET', path, undefined, { authorization: await fixture.token('b', 'bench') });
  t.same(fixture.actors.requests.at(-1)?.caller.roles, ['bench', 'customer']);
  const production = await GatewayFixture.start({ production: true });
  t.teardown(() => production.close());
  await production.json('GET', path, undefined, { authorization: await production.token('b', 'bench') });
  t.same(production.actors.requests.at(-1)?.caller.roles, []);
});

t.test('a verified token is remembered, at most so many of them, and not beyond its expiry', async (t) => {
  const authenticator = new Authenticator({
    key: { algorithm: 'HS256', key: tokenSecret },
    benchAllowed: false,
    tokensMax: 2,
  });
  const verify = async (user: string): Promise<string> => {
    const authorization = `Bearer ${await mintToken({ key: tokenSecret, user, roles: [], lifetimeSeconds: 60 })}`;
    t.equal(authenticator.known(authorization, Date.now()), undefined);
    await new Promise((resolve) => authenticator.verify(authorization, Date.now(), resolve));
    return authorization;
  };
  const first = await verify('u1');
  t.equal(authenticator.known(first, Date.now())?.caller.principal, 'u1');
  t.equal(authenticator.known(first, Date.now() + 61_000), undefined, 'expired');
  await verify('u2');
  await verify('u3');
  await verify('u4');
  t.equal(authenticator.rememberedCount, 2);
});

t.test('requests that bring one new token at once share its verification', async (t) => {
  const authorization = await fixture.token('together');
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(authorization)));
  t.ok(answers.every(({ status }) => status === 200));
});

t.test('no token is minted that would be refused', async (t) => {
  const order = { key: tokenSecret, user: 'alice', roles: ['customer'], lifetimeSeconds: 60 };
  t.throws(() => mintToken({ ...order, user: 'a b' }), RangeError);
  t.throws(() => mintToken({ ...order, roles: ['a b'] }), RangeError);
  t.throws(() => mintToken({ ...order, lifetimeSeconds: 3_601 }), RangeError);
  t.equal((await ask(`Bearer ${await mintToken(order)}`)).status, 200);
});
