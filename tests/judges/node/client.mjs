// Lets OAuth clients that are not ours ask the issuer for a token, as their users would, and lets `jose` judge what they
// got. One job comes as JSON on stdin, the answer goes as JSON to stdout:
//
//   {"judge": "oauth4webapi" | "openid-client" | "jose",
//    "issuer": URL,
//    "grant": "client_credentials" | "urn:ietf:params:oauth:grant-type:jwt-bearer",
//    "parameters": {…},                     what else the token request says
//    "client": ID,
//    "method": "client_secret_basic" | "client_secret_post" | "private_key_jwt" | "tls_client_auth"
//              | "self_signed_tls_client_auth" | "client_assertion" | "none",
//    "secret": TEXT,                        for client_secret_*
//    "key": PRIVATE JWK,                    for private_key_jwt, and for assertions that the judge makes
//    "claims": {…},                         of an assertion that the judge makes; for private_key_jwt, those to put over
//                                           its own
//    "tls": {"ca": FILE, "certificate": FILE, "key": FILE},
//    "expect": {"audience": A, "algorithm": ALG}}
//
//   {"judge": "jose", "make": [ALG, …]} → [{"alg": ALG, "private": JWK, "public": JWK}, …]
//
//   → {"response": {…}, "header": {…}, "claims": {…}}          the claims as `jose` verified them
//   → {"refused": {"by": ERROR CLASS, "error": CODE, "status": STATUS}}

import { readFileSync } from 'node:fs';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { Agent, fetch } from 'undici';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/// A fetch that trusts the job's authority and shows its certificate.
function fetching({ ca, certificate, key } = {}) {
  const read = (file) => file && readFileSync(file, 'utf8');
  const dispatcher = new Agent({ connect: { ca: read(ca), cert: read(certificate), key: read(key) } });
  return (url, options) => fetch(url, { ...options, dispatcher });
}

const isTls = (job) => job.method.endsWith('tls_client_auth');

/// The assertion of a job that has the judge make one.
async function assertion({ key, claims }) {
  const header = { alg: key.alg, kid: key.kid, typ: 'JWT' };
  return new jose.SignJWT(claims).setProtectedHeader(header).sign(await jose.importJWK(key, key.alg));
}

async function parameters(job) {
  const made = { ...job.parameters };
  if (job.grant !== 'client_credentials') made.assertion = await assertion(job);
  if (job.method === 'client_assertion') {
    made.client_assertion_type = ASSERTION_TYPE;
    made.client_assertion = await assertion(job);
  }
  return new URLSearchParams(made);
}

/// How a library authenticates; both of them name the ways alike.
async function authentication(library, job) {
  switch (job.method) {
    case 'client_secret_basic': return library.ClientSecretBasic(job.secret);
    case 'client_secret_post': return library.ClientSecretPost(job.secret);
    case 'private_key_jwt': {
      const key = await jose.importJWK(job.key, job.key.alg);
      const options = { [library.modifyAssertion]: (_, claims) => Object.assign(claims, job.claims) };
      return library.PrivateKeyJwt({ key, kid: job.key.kid }, options);
    }
    case 'tls_client_auth':
    case 'self_signed_tls_client_auth': return library.TlsClientAuth();
    default: return library.None();
  }
}

async function byOauth4webapi(job, request) {
  const options = { [oauth.allowInsecureRequests]: true, [oauth.customFetch]: request };
  const issuer = new URL(job.issuer);
  const discovery = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options });
  const server = await oauth.processDiscoveryResponse(issuer, discovery);
  const client = { client_id: job.client, use_mtls_endpoint_aliases: isTls(job) };
  const sent = await parameters(job);
  const way = await authentication(oauth, job);
  if (job.grant === 'client_credentials') {
    const response = await oauth.clientCredentialsGrantRequest(server, client, way, sent, options);
    return oauth.processClientCredentialsResponse(server, client, response);
  }
  const response = await oauth.genericTokenEndpointRequest(server, client, way, job.grant, sent, options);
  return oauth.processGenericTokenEndpointResponse(server, client, response);
}

async function byOpenidClient(job, request) {
  const metadata = { use_mtls_endpoint_aliases: isTls(job) };
  const config = await openid.discovery(
    new URL(job.issuer), job.client, metadata, await authentication(openid, job),
    { algorithm: 'oauth2', execute: [openid.allowInsecureRequests], [openid.customFetch]: request },
  );
  const sent = await parameters(job);
  return job.grant === 'client_credentials'
    ? openid.clientCredentialsGrant(config, sent)
    : openid.genericGrantRequest(config, job.grant, sent);
}

/// No OAuth library at all: `jose` makes the assertion, and the form is sent as the RFC says.
async function byJose(job, request) {
  const metadata = await discovered(job, request);
  const body = await parameters(job);
  body.set('grant_type', job.grant);
  if (job.method === 'private_key_jwt') {
    const now = Math.floor(Date.now() / 1000);
    const own = { iss: job.client, sub: job.client, aud: job.issuer, iat: now, exp: now + 60, jti: crypto.randomUUID() };
    body.set('client_assertion_type', ASSERTION_TYPE);
    body.set('client_assertion', await assertion({ ...job, claims: { ...own, ...job.claims } }));
  }
  const response = await request(metadata.token_endpoint, { method: 'POST', body });
  const answer = await response.json();
  if (response.ok) return answer;
  throw Object.assign(new Error(answer.error_description), { name: 'Response', error: answer.error, status: response.status });
}

async function discovered(job, request) {
  const response = await request(`${job.issuer}/.well-known/oauth-authorization-server`);
  return response.json();
}

async function verified(job, request, token) {
  const { jwks_uri } = await discovered(job, request);
  const keys = jose.createRemoteJWKSet(new URL(jwks_uri), { [jose.customFetch]: request });
  const { payload, protectedHeader } = await jose.jwtVerify(token, keys, {
    issuer: job.issuer,
    audience: job.expect.audience,
    algorithms: [job.expect.algorithm],
    typ: 'at+jwt',
    requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'],
  });
  return { header: protectedHeader, claims: payload };
}

/// What the libraries throw for an error response. Anything else is a defect of ours or of this script. An answer with
/// a challenge is thrown with its body unread.
async function refusal(error) {
  const challenged = error.name === 'WWWAuthenticateChallengeError';
  if (error.error === undefined && !challenged) throw error;
  const code = challenged ? (await error.response.json()).error : error.error;
  return { by: error.name, error: code, status: error.status };
}

async function asked(job) {
  const request = fetching(job.tls);
  const judge = { oauth4webapi: byOauth4webapi, 'openid-client': byOpenidClient, jose: byJose }[job.judge];
  let response;
  try {
    response = await judge(job, request);
  } catch (error) {
    return { refused: await refusal(error) };
  }
  return { response, ...await verified(job, request, response.access_token) };
}

async function made(alg) {
  const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true });
  const named = { kid: `key-${alg}`, alg };
  return {
    alg,
    private: { ...await jose.exportJWK(privateKey), ...named },
    public: { ...await jose.exportJWK(publicKey), ...named, use: 'sig' },
  };
}

const job = JSON.parse(readFileSync(0, 'utf8'));
const answer = job.make ? await Promise.all(job.make.map(made)) : await asked(job);
process.stdout.write(`${JSON.stringify(answer)}\n`);
