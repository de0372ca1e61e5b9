"""Lets PyJWT say how long it takes to verify a token. The first line of stdin is the task, as JSON:

  {"jwk": PUBLIC KEY, "alg": A, "token": T, "issuer": I, "audience": A, "leeway": SECONDS}

Each further line is a number: verify so often, and answer with the nanoseconds of processor time that it took in all.
"""

import json
import sys
import time

import jwt

task = json.loads(sys.stdin.readline())
key = jwt.PyJWK(task["jwk"], algorithm=task["alg"])
expected = {
    "algorithms": [task["alg"]],
    "issuer": task["issuer"],
    "audience": task["audience"],
    "leeway": task["leeway"],
    "options": {"require": ["exp", "iat", "jti", "sub", "client_id"]},
}

for line in sys.stdin:
    start = time.process_time_ns()
    for _ in range(int(line)):
        jwt.decode(task["token"], key, **expected)
    print(time.process_time_ns() - start, flush=True)
