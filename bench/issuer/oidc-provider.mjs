// npm oidc-provider as a token server: its own router and its own memory store, with JWTs as access tokens (RFC 9068)
// for any resource (RFC 8707). Its argument is a file of JSON; it says where it listens.
//
//   {"judges": folder of node_modules, "algorithm": "ES256", "clients": [{client_id, …}]}

import { createRequire } from "node:module";
import { once } from "node:events";
import { pathToFileURL } from "node:url";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";

const { judges, algorithm, clients } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const resolve = createRequire(`${judges}/`).resolve;
const { default: Provider } = await import(pathToFileURL(resolve("oidc-provider")).href);

const { privateKey } =
  algorithm === "ES256"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), alg: algorithm, use: "sig" };

const provider = new Provider("http://127.0.0.1", {
  clients: clients.map((client) => ({
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: algorithm,
    ...client,
  })),
  jwks: { keys: [key] },
  scopes: ["read", "write"],
  clientAuthMethods: ["client_secret_basic", "client_secret_post", "private_key_jwt"],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, audience) => ({
        audience,
        scope: "read write",
        accessTokenTTL: 900,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: algorithm } },
      }),
    },
  },
});
const server = provider.listen(0, "127.0.0.1");
await once(server, "listening");
console.log(`listening on http://127.0.0.1:${server.address().port}`);
