// Lets implementations that are not ours judge what the issuer hands out. The question comes as JSON on stdin, the
// verdicts go as JSON to stdout:
//
//   {"ask": "token", "issuer": URL, "audience": A, "token": T}
//     → {"metadata": {…}, "verdicts": [{"judge": "oauth4webapi" | "jose", "accepted": true, "claims": {…}}
//                                      | {"judge": …, "accepted": false, "code": CODE, "message": …}]}
//   {"ask": "client_credentials", "issuer": URL, "audience": A, "scope": S, "client": ID, "secret": X,
//    "method": "basic" | "post"}                                                   → the token response
//   {"ask": "assertion", "issuer": URL, "audience": A, "scope": S, "client": ID, "assertion": T} → the token response
//
//   {"ask": "mint", "claims": {…}}  → [{"minter": "jose", "alg": A, "token": T, "jwk": PUBLIC KEY}, …], one in every
//                                     algorithm that jose has an asymmetric key for
//
// A refusal by the token endpoint is {"refused": ERROR CODE, "status": STATUS}.

import { readFileSync } from 'node:fs';
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';

// The servers under test are on loopback, where there is no TLS.
const plainHttp = { [oauth.allowInsecureRequests]: true };
const ALGORITHMS = ['ES256', 'RS256', 'EdDSA'];

const MINTED = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA', 'Ed25519'];

async function discover(issuer) {
  const identifier = new URL(issuer);
  const response = await oauth.discoveryRequest(identifier, { algorithm: 'oauth2', ...plainHttp });
  return oauth.processDiscoveryResponse(identifier, response);
}

async function verdict(judge, judging) {
  try {
    return { judge, accepted: true, claims: await judging };
  } catch (error) {
    return { judge, accepted: false, code: error.code ?? error.name, message: error.message };
  }
}

async function token({ issuer, audience, token }) {
  const metadata = await discover(issuer);
  const request = new Request('http://127.0.0.1/orders', { headers: { authorization: `Bearer ${token}` } });
  const options = { signingAlgorithms: ALGORITHMS, ...plainHttp };
  const byOAuth = oauth.validateJwtAccessToken(metadata, request, audience, options);
  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
  const expected = {
    issuer,
    audience,
    typ: 'at+jwt',
    algorithms: ALGORITHMS,
    requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'],
  };
  const byJose = jwtVerify(token, keys, expected).then((verified) => verified.payload);
  // Together: a refusal that nobody awaits yet would end the process.
  const verdicts = await Promise.all([verdict('oauth4webapi', byOAuth), verdict('jose', byJose)]);
  return { metadata, verdicts };
}

async function request({ issuer, client }, authentication, grant, parameters) {
  const metadata = await discover(issuer);
  const self = { client_id: client };
  const response = await oauth.genericTokenEndpointRequest(
    metadata, self, authentication, grant, new URLSearchParams(parameters), plainHttp,
  );
  try {
    return await oauth.processGenericTokenEndpointResponse(metadata, self, response);
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError || error instanceof oauth.WWWAuthenticateChallengeError) {
      return { refused: error.error ?? error.cause?.[0]?.scheme, status: error.status };
    }
    throw error;
  }
}

function clientCredentials(question) {
  const { method, secret, audience, scope } = question;
  const authentication = { basic: oauth.ClientSecretBasic, post: oauth.ClientSecretPost }[method](secret);
  return request(question, authentication, 'client_credentials', { audience, scope });
}

function assertion(question) {
  const { assertion, audience, scope } = question;
  const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  return request(question, oauth.None(), grant, { assertion, audience, scope });
}

async function minted(claims, alg) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const kid = `jose-${alg}`;
  const token = await new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'at+jwt' }).sign(privateKey);
  return { minter: 'jose', alg, token, jwk: { ...await exportJWK(publicKey), kid, alg, use: 'sig' } };
}

function mint({ claims }) {
  return Promise.all(MINTED.map((alg) => minted(claims, alg)));
}

const question = JSON.parse(readFileSync(0, 'utf8'));
const asked = { token, client_credentials: clientCredentials, assertion, mint }[question.ask];
const answer = await asked(question);
process.stdout.write(`${JSON.stringify(answer)}\n`);
