// The token requests of the differential run: [id, what it is about, what is sent]. The last one makes the requests, one
// or more, from the job of differential.mjs, with "issuer" as the server that is asked.

import * as jose from 'jose';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const FORM = 'application/x-www-form-urlencoded';

const basic = (client, secret) => `Basic ${Buffer.from(`${client}:${secret}`).toString('base64')}`;

function request(body, headers = {}, more = {}) {
  const text = typeof body === 'string' ? body : new URLSearchParams(body).toString();
  const length = { 'content-length': Buffer.byteLength(text) };
  return { method: 'POST', path: '/v1/token', body: text, headers: { 'content-type': FORM, ...length, ...headers }, ...more };
}

const wanted = ({ resource }) => ({ grant_type: 'client_credentials', resource, scope: 'orders:read' });

/// A request that differs from a good one, whose client proves itself by Basic.
const form = (change, headers = {}) => (job) => {
  const fields = { ...wanted(job), ...change(job) };
  for (const name of Object.keys(fields)) if (fields[name] === undefined) delete fields[name];
  return [request(fields, { authorization: basic('reports', job.secret), ...headers })];
};

/// A good form with this text after it.
const more = (text) => (job) =>
  [request(`${new URLSearchParams(wanted(job))}&${text}`, { authorization: basic('reports', job.secret) })];

/// A good form with this Authorization header, and fields besides.
const authorized = (authorization, fields = {}) => (job) => {
  const value = authorization(job);
  return [request({ ...wanted(job), ...fields }, value === undefined ? {} : { authorization: value })];
};

async function assertion({ key, issuer }, { claims = {}, header = {}, signing } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const own = { iss: 'signer', sub: 'signer', aud: issuer, iat: now, exp: now + 60, jti: crypto.randomUUID() };
  const all = { ...own, ...claims };
  for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name];
  const head = { alg: key.alg, kid: key.kid, ...header };
  return new jose.SignJWT(all).setProtectedHeader(head).sign(signing ?? await jose.importJWK(key, key.alg));
}

/// A request whose client proves itself by a JWT that differs from a good one.
const signed = (change = () => ({}), fields = {}, times = 1) => async (job) => {
  const token = await assertion(job, await change(job));
  const own = { client_id: 'signer', client_assertion_type: ASSERTION_TYPE, client_assertion: token };
  const all = { ...wanted(job), ...own, ...fields };
  for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name];
  return Array(times).fill(request(all));
};

const now = () => Math.floor(Date.now() / 1000);
const stranger = async () => ({ signing: (await jose.generateKeyPair('ES256')).privateKey });
const unsigned = (claims) => {
  const word = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${word({ alg: 'none' })}.${word(claims)}.`;
};

export const cases = [
  ['good-basic', 'a good request, client_secret_basic', form(() => ({}))],
  ['good-post', 'a good request, client_secret_post', (job) => [request({ ...wanted(job), client_id: 'other', client_secret: job.other_secret })]],
  ['good-assertion', 'a good request, private_key_jwt', signed()],
  ['charset', 'a content type with a charset', form(() => ({}), { 'content-type': `${FORM}; charset=utf-8` })],
  ['scheme-case', 'the scheme Basic in other letters', authorized(({ secret }) => basic('reports', secret).replace('Basic', 'bAsIc'))],
  ['encoded-basic', 'credentials that are form-encoded although they need not be', authorized(({ secret }) => basic('%72eports', secret))],
  ['unknown-parameter', 'a parameter that nobody knows', more('colour=blue')],
  ['empty-parameter', 'a parameter without a value', more('colour=')],
  ['client-id-agrees', 'Basic, and the same client_id in the form', form(() => ({ client_id: 'reports' }))],
  ['no-scope', 'no scope at all', form(() => ({ scope: undefined }))],

  ['no-grant', 'no grant_type', form(() => ({ grant_type: undefined }))],
  ['empty-grant', 'an empty grant_type', form(() => ({ grant_type: '' }))],
  ['unknown-grant', 'a grant_type that nobody knows', form(() => ({ grant_type: 'urn:example:unknown' }))],
  ['password-grant', 'the password grant', form(() => ({ grant_type: 'password', username: 'a', password: 'b' }))],
  ['code-grant', 'the authorization code grant', form(() => ({ grant_type: 'authorization_code', code: 'a' }))],
  ['refresh-grant', 'the refresh token grant', form(() => ({ grant_type: 'refresh_token', refresh_token: 'a' }))],
  ['grant-case', 'grant_type in capitals', form(() => ({ grant_type: 'CLIENT_CREDENTIALS' }))],
  ['grant-unauthenticated', 'an unknown grant_type, and no client authentication', (job) => [request({ ...wanted(job), grant_type: 'urn:example:unknown' })]],

  ['nobody', 'no client authentication', authorized(() => undefined)],
  ['name-only', 'client_id alone, of a client with a secret', authorized(() => undefined, { client_id: 'reports' })],
  ['secret-only', 'client_secret alone', authorized(() => undefined, { client_secret: 'x' })],
  ['wrong-secret', 'a wrong secret by Basic', authorized(() => basic('reports', 'wrong'))],
  ['wrong-secret-post', 'a wrong secret in the form', authorized(() => undefined, { client_id: 'other', client_secret: 'wrong' })],
  ['unknown-client', 'a client that nobody knows', authorized(() => basic('nobody', 'secret'))],
  ['unknown-client-post', 'a client that nobody knows, in the form', authorized(() => undefined, { client_id: 'nobody', client_secret: 'x' })],
  ['empty-secret', 'an empty secret by Basic', authorized(() => basic('reports', ''))],
  ['no-colon', 'Basic without a colon', authorized(() => `Basic ${Buffer.from('reports').toString('base64')}`)],
  ['not-base64', 'Basic that is not base64', authorized(() => 'Basic !!!')],
  ['broken-escape', 'Basic with a broken escape', authorized(() => basic('%zz', 'x'))],
  ['empty-basic', 'the word Basic alone', authorized(() => 'Basic')],
  ['other-scheme', 'a scheme that is none of the token endpoint', authorized(() => 'Digest username="reports"')],
  ['two-methods', 'a secret by Basic and in the form', form(({ secret }) => ({ client_id: 'reports', client_secret: secret }))],
  ['basic-and-assertion', 'a secret by Basic, and a client assertion', async (job) => {
    const [{ body }] = await signed()(job);
    return [request(body, { authorization: basic('reports', job.secret) })];
  }],
  ['client-id-differs', 'Basic, and another client_id in the form', form(() => ({ client_id: 'other' }))],

  ['repeated-grant', 'grant_type twice', more('grant_type=client_credentials')],
  ['repeated-scope', 'scope twice', more('scope=orders:read')],
  ['repeated-unknown', 'a parameter twice that nobody knows', more('colour=blue&colour=red')],
  ['repeated-resource', 'two different resources', more('resource=https%3A%2F%2Fledger.example')],
  ['json-body', 'a JSON body', (job) => [request(JSON.stringify(wanted(job)), { 'content-type': 'application/json', authorization: basic('reports', job.secret) })]],
  ['no-content-type', 'no content type', (job) => {
    const made = request(wanted(job), { authorization: basic('reports', job.secret) });
    delete made.headers['content-type'];
    return [made];
  }],
  ['multipart', 'a multipart body', (job) => [request('--x--', { 'content-type': 'multipart/form-data; boundary=x', authorization: basic('reports', job.secret) })]],
  ['empty-body', 'an empty body', (job) => [request('', { authorization: basic('reports', job.secret) })]],
  ['broken-form', 'a form with a broken escape', more('colour=%zz')],
  ['huge-body', 'a body of 100 kB', more(`colour=${'x'.repeat(100_000)}`)],
  ['get', 'GET with the request in the query', (job) => [{
    method: 'GET', path: `/v1/token?${new URLSearchParams(wanted(job))}`, headers: { authorization: basic('reports', job.secret) },
  }]],
  ['put', 'PUT', (job) => [request(wanted(job), { authorization: basic('reports', job.secret) }, { method: 'PUT' })]],
  ['query-secret', 'the client credentials in the query', (job) => [request(wanted(job), {}, {
    path: `/v1/token?client_id=other&client_secret=${job.other_secret}`,
  })]],

  ['unknown-scope', 'a scope that nobody offers', form(() => ({ scope: 'orders:burn' }))],
  ['partly-unknown-scope', 'one granted scope, and one that nobody offers', form(() => ({ scope: 'orders:read orders:burn' }))],
  ['malformed-scope', 'a scope with a character that none has', form(() => ({ scope: 'orders:read "x"' }))],
  ['unknown-resource', 'a resource that nobody is', form(() => ({ resource: 'https://nobody.example' }))],
  ['relative-resource', 'a resource that is no absolute URI', form(() => ({ resource: 'orders' }))],
  ['fragment-resource', 'a resource with a fragment', form(({ resource }) => ({ resource: `${resource}#part` }))],

  ['assertion-type-unknown', 'a client_assertion_type that nobody knows', signed(undefined, { client_assertion_type: 'urn:example:unknown' })],
  ['assertion-type-missing', 'a client_assertion without its type', signed(undefined, { client_assertion_type: undefined })],
  ['assertion-missing', 'a client_assertion_type without an assertion', signed(undefined, { client_assertion: undefined })],
  ['assertion-garbage', 'a client_assertion that is no JWT', signed(undefined, { client_assertion: 'x' })],
  ['assertion-no-client-id', 'a client_assertion without client_id', signed(undefined, { client_id: undefined })],
  ['assertion-other-client-id', 'a client_assertion with the client_id of another', signed(undefined, { client_id: 'other' })],
  ['assertion-expired', 'a client_assertion that has expired', signed(() => ({ claims: { iat: now() - 600, exp: now() - 300 } }))],
  ['assertion-not-yet', 'a client_assertion that is not valid yet', signed(() => ({ claims: { nbf: now() + 600, exp: now() + 900 } }))],
  ['assertion-no-exp', 'a client_assertion without exp', signed(() => ({ claims: { exp: undefined } }))],
  ['assertion-no-jti', 'a client_assertion without jti', signed(() => ({ claims: { jti: undefined } }))],
  ['assertion-no-sub', 'a client_assertion without sub', signed(() => ({ claims: { sub: undefined } }))],
  ['assertion-long', 'a client_assertion that lives for a day', signed(() => ({ claims: { exp: now() + 86_400 } }))],
  ['assertion-other-sub', 'a client_assertion about somebody else', signed(() => ({ claims: { sub: 'other' } }))],
  ['assertion-no-aud', 'a client_assertion without aud', signed(() => ({ claims: { aud: undefined } }))],
  ['assertion-other-aud', 'a client_assertion for another server', signed(() => ({ claims: { aud: 'https://other.example' } }))],
  ['assertion-endpoint-aud', 'a client_assertion for the token endpoint URL', signed(({ issuer }) => ({ claims: { aud: `${issuer}/v1/token` } }))],
  ['assertion-two-aud', 'a client_assertion for this server and another', signed(({ issuer }) => ({ claims: { aud: [issuer, 'https://other.example'] } }))],
  ['assertion-forged', 'a client_assertion that somebody else signed', signed(stranger)],
  ['assertion-unsigned', 'a client_assertion with alg none', async (job) => {
    const [{ body }] = await signed()(job);
    const form = new URLSearchParams(body);
    const claims = JSON.parse(Buffer.from(form.get('client_assertion').split('.')[1], 'base64url'));
    form.set('client_assertion', unsigned(claims));
    return [request(form)];
  }],
  ['assertion-replayed', 'a client_assertion that was used before', signed(undefined, {}, 2)],
];
