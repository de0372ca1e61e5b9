// Sends the same requests to our issuer and to npm's oidc-provider, and tells how each of them answered. One job comes
// as JSON on stdin, the answer goes as JSON to stdout:
//
//   {"issuer": URL, "secret": TEXT, "other_secret": TEXT, "key": PRIVATE JWK, "public": PUBLIC JWK, "resource": URL}
//   → [{"case": ID, "about": TEXT, "ours": ANSWER, "peer": ANSWER}, …]
//     where ANSWER is {"status": N, "error": CODE | null, "token": BOOLEAN, "cache": TEXT | null, "challenge": SCHEME | null}
//
// Our issuer has registered `reports` with "secret", `other` with "other_secret" and `signer` with "public"; each of them
// may call "resource" with the scope `orders:read`.

import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as jose from 'jose';
import Provider, { errors } from 'oidc-provider';

import { cases } from './cases.mjs';

const job = JSON.parse(readFileSync(0, 'utf8'));

async function peer() {
  const server = http.createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const { privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const client = (client_id, more) => ({
    client_id, grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: 'orders:read',
    id_token_signed_response_alg: 'ES256', ...more,
  });
  const resourceServer = { scope: 'orders:read', audience: job.resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } };
  const provider = new Provider(issuer, {
    clients: [
      client('reports', { client_secret: job.secret, token_endpoint_auth_method: 'client_secret_basic' }),
      client('other', { client_secret: job.other_secret, token_endpoint_auth_method: 'client_secret_post' }),
      client('signer', {
        jwks: { keys: [job.public] }, token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256',
      }),
    ],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(_, resource) {
          if (resource !== job.resource) throw new errors.InvalidTarget();
          return resourceServer;
        },
      },
    },
    jwks: { keys: [{ ...await jose.exportJWK(privateKey), kid: 'peer', alg: 'ES256', use: 'sig' }] },
    routes: { token: '/v1/token' },
    scopes: ['orders:read'],
    ttl: { ClientCredentials: 900 },
  });
  // What it says on stderr about errors belongs to no test.
  provider.on('server_error', () => {});
  server.on('request', provider.callback());
  return { issuer, server };
}

/// Sends a request as it stands: `fetch` would refuse or mend some of them.
function send(issuer, { method, path, headers, body }) {
  const { hostname, port } = new URL(issuer);
  return new Promise((answered, failed) => {
    const request = http.request({ hostname, port, method, path, headers, agent: false }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => answered(seen(response, Buffer.concat(parts).toString('utf8'))));
      response.on('error', failed);
    });
    request.on('error', failed);
    request.end(body);
  });
}

function seen(response, body) {
  let answer = {};
  try {
    answer = JSON.parse(body);
  } catch {
    // Not every answer of the peer is JSON.
  }
  return {
    status: response.statusCode,
    error: answer.error ?? null,
    token: typeof answer.access_token === 'string',
    cache: response.headers['cache-control'] ?? null,
    challenge: response.headers['www-authenticate']?.split(' ')[0] ?? null,
  };
}

async function asked(issuer, make) {
  let answer;
  // More than one request: the answer to the last one counts.
  for (const request of await make({ ...job, issuer })) answer = await send(issuer, request);
  return answer;
}

const { issuer, server } = await peer();
const answers = [];
for (const [id, about, make] of cases) {
  answers.push({ case: id, about, ours: await asked(job.issuer, make), peer: await asked(issuer, make) });
}
server.close();
server.closeAllConnections();
process.stdout.write(`${JSON.stringify(answers)}\n`);
