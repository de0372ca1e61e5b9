// Lets jose say how long it takes to verify a token. The first line of stdin is the task, as JSON:
//
//   {"jwk": PUBLIC KEY, "alg": A, "token": T, "issuer": I, "audience": A, "leeway": SECONDS}
//
// Each further line is a number: verify so often, and answer with the nanoseconds of processor time that it took in all,
// whichever of its threads spent them.

import { createInterface } from 'node:readline';
import { importJWK, jwtVerify } from 'jose';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { jwk, alg, token, issuer, audience, leeway } = JSON.parse((await lines.next()).value);
const key = await importJWK(jwk, alg);
const expected = {
  issuer,
  audience,
  typ: 'at+jwt',
  algorithms: [alg],
  clockTolerance: leeway,
  requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'],
};

for await (const line of lines) {
  const start = process.cpuUsage();
  for (let calls = Number(line); calls > 0; calls -= 1) {
    await jwtVerify(token, key, expected);
  }
  const { user, system } = process.cpuUsage(start);
  process.stdout.write(`${(user + system) * 1000}\n`);
}
