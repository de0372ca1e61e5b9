// Lets `jose` and Node's own zlib read the status of a token, as a verifier would that is not ours
// (draft-ietf-oauth-status-list §8.3). One job comes as JSON on stdin, the answer goes as JSON to stdout:
//
//   {"issuer": URL, "token": T} → {"header": {…}, "claims": {…}, "status": NUMBER}      of the list, and of the token

import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import * as jose from 'jose';

const MEDIA_TYPE = 'application/statuslist+jwt';

const job = JSON.parse(readFileSync(0, 'utf8'));
const discovered = await fetch(`${job.issuer}/.well-known/oauth-authorization-server`);
const { jwks_uri } = await discovered.json();
const keys = jose.createRemoteJWKSet(new URL(jwks_uri));
const { payload } = await jose.jwtVerify(job.token, keys, { issuer: job.issuer, typ: 'at+jwt' });
const { uri, idx } = payload.status.status_list;

const response = await fetch(uri, { headers: { accept: MEDIA_TYPE } });
if (!response.ok) throw new Error(`${uri}: ${response.status}`);
const type = response.headers.get('content-type');
if (type !== MEDIA_TYPE) throw new Error(`${uri} is ${type}`);
const list = await jose.jwtVerify(await response.text(), keys, {
  issuer: job.issuer,
  subject: uri,
  typ: 'statuslist+jwt',
  requiredClaims: ['iat', 'exp', 'ttl', 'status_list'],
});
const { bits, lst } = list.payload.status_list;
const statuses = inflateSync(jose.base64url.decode(lst));
const perByte = 8 / bits;
const byte = statuses[Math.floor(idx / perByte)];
if (byte === undefined) throw new Error(`index ${idx} is beyond the ${statuses.length} bytes of the list`);
const status = (byte >> ((idx % perByte) * bits)) & ((1 << bits) - 1);
process.stdout.write(JSON.stringify({ header: list.protectedHeader, claims: list.payload, status }));
