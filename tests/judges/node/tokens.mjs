// Lets OAuth clients that are not ours ask what a token is worth, and trade one that they were called with, as their users
// would; `jose` judges what they got. A list of jobs comes as JSON on stdin, that of the answers goes as JSON to stdout:
//
//   {"judge": "oauth4webapi" | "openid-client" | "jose",
//    "issuer": URL,
//    "client": ID, "secret": TEXT,          by client_secret_basic
//    "do": "introspect" | "exchange",
//    "token": TOKEN,                        the one asked about, or to be traded
//    "signed": BOOL,                        whether the answer is wanted as a JWT; its `alg` then is "algorithm"
//    "algorithm": ALG,                      of the signed answer, or of the new token
//    "parameters": {…}}                     what else an exchange says
//
//   → {"answer": {…}}                      what the judge was told, the signature of a JWT verified by it
//   → {"response": {…}, "claims": {…}}     what it got for a token, and its claims as `jose` verified them
//   → {"refused": {"by": ERROR CLASS, "error": CODE, "status": STATUS}}

import { readFileSync } from 'node:fs';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const INSECURE = { [oauth.allowInsecureRequests]: true };

const parameters = (job) => new URLSearchParams({
  subject_token: job.token,
  subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  ...job.parameters,
});

/// How a client says that it wants its answers signed (RFC 9701 §6).
const metadata = (job) => (job.signed ? { introspection_signed_response_alg: job.algorithm } : {});

async function byOauth4webapi(job) {
  const issuer = new URL(job.issuer);
  const discovery = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...INSECURE });
  const server = await oauth.processDiscoveryResponse(issuer, discovery);
  const client = { client_id: job.client, ...metadata(job) };
  const way = oauth.ClientSecretBasic(job.secret);
  if (job.do === 'exchange') {
    const sent = parameters(job);
    const response = await oauth.genericTokenEndpointRequest(server, client, way, EXCHANGE, sent, INSECURE);
    return oauth.processGenericTokenEndpointResponse(server, client, response);
  }
  const response = await oauth.introspectionRequest(server, client, way, job.token, INSECURE);
  const answer = await oauth.processIntrospectionResponse(server, client, response);
  if (job.signed) await oauth.validateApplicationLevelSignature(server, response, INSECURE);
  return answer;
}

async function byOpenidClient(job) {
  const config = await openid.discovery(
    new URL(job.issuer), job.client, metadata(job), openid.ClientSecretBasic(job.secret),
    { algorithm: 'oauth2', execute: [openid.allowInsecureRequests, openid.enableNonRepudiationChecks] },
  );
  return job.do === 'exchange'
    ? openid.genericGrantRequest(config, EXCHANGE, parameters(job))
    : openid.tokenIntrospection(config, job.token);
}

/// No OAuth library at all: the form is sent as the RFC says, and `jose` verifies the answer.
async function byJose(job) {
  const server = await discovered(job);
  const exchange = job.do === 'exchange';
  const body = exchange ? parameters(job) : new URLSearchParams({ token: job.token });
  if (exchange) body.set('grant_type', EXCHANGE);
  const encoded = [job.client, job.secret].map(encodeURIComponent).join(':');
  const headers = { authorization: `Basic ${Buffer.from(encoded).toString('base64')}` };
  if (job.signed) headers.accept = 'application/token-introspection+jwt';
  const url = exchange ? server.token_endpoint : server.introspection_endpoint;
  const response = await fetch(url, { method: 'POST', body, headers });
  if (!response.ok) {
    const { error, error_description: words } = await response.json();
    throw Object.assign(new Error(words), { name: 'Response', error, status: response.status });
  }
  if (!job.signed) return response.json();
  const answer = await verified(job, await response.text(), {
    audience: job.client, typ: 'token-introspection+jwt', requiredClaims: ['iat', 'token_introspection'],
  });
  return answer.token_introspection;
}

async function discovered(job) {
  const response = await fetch(`${job.issuer}/.well-known/oauth-authorization-server`);
  return response.json();
}

async function verified(job, token, expected) {
  const { jwks_uri } = await discovered(job);
  const keys = jose.createRemoteJWKSet(new URL(jwks_uri));
  const options = { issuer: job.issuer, algorithms: [job.algorithm], ...expected };
  return (await jose.jwtVerify(token, keys, options)).payload;
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
  const judge = { oauth4webapi: byOauth4webapi, 'openid-client': byOpenidClient, jose: byJose }[job.judge];
  let response;
  try {
    response = await judge(job);
  } catch (error) {
    return { refused: await refusal(error) };
  }
  if (job.do === 'introspect') return { answer: response };
  const requiredClaims = ['exp', 'iat', 'jti', 'sub', 'client_id', 'act'];
  const expected = { audience: job.parameters.audience, typ: 'at+jwt', requiredClaims };
  return { response, claims: await verified(job, response.access_token, expected) };
}

const answers = [];
for (const job of JSON.parse(readFileSync(0, 'utf8'))) answers.push(await asked(job));
process.stdout.write(`${JSON.stringify(answers)}\n`);
