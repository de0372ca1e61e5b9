"""Lets PyJWT and Authlib mint tokens, and lets PyJWT judge ours. The question comes as JSON on stdin, the answer goes as
JSON to stdout:

  {"ask": "mint", "claims": {…}, "algorithms": [A, …]}
    → [{"minter": "PyJWT" | "Authlib", "alg": A, "token": T, "jwk": PUBLIC KEY}, …], one by each of them in every one of
      these algorithms; without "algorithms", in every one that they have an asymmetric key for
  {"ask": "controls", "cases": [FILE, …]}
    → {"judged": N, "refused": [{"id": ID, "reason": R}, …]}: what PyJWT makes of the signatures of every token that the
      cases of these files expect to be allowed
"""

import json
import re
import sys
import warnings

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

# Authlib announces that its JOSE part moves to another package; this is about the one that is installed everywhere.
warnings.filterwarnings("ignore")
from authlib.jose import JsonWebKey, JsonWebToken  # noqa: E402

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]

TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")


def private_key(alg):
    if alg.startswith("ES"):
        return ec.generate_private_key({"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}[alg])
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def by_pyjwt(claims, alg):
    key, kid = private_key(alg), f"pyjwt-{alg}"
    token = jwt.encode(claims, key, algorithm=alg, headers={"kid": kid, "typ": "at+jwt"})
    jwk = json.loads(get_default_algorithms()[alg].to_jwk(key.public_key()))
    return {"minter": "PyJWT", "alg": alg, "token": token, "jwk": jwk | {"kid": kid, "alg": alg}}


def by_authlib(claims, alg):
    kid = f"authlib-{alg}"
    kind, size = {"E": ("EC", alg.replace("ES", "P-")), "R": ("RSA", 2048), "P": ("RSA", 2048)}[alg[0]]
    if alg == "EdDSA":
        kind, size = "OKP", "Ed25519"
    key = JsonWebKey.generate_key(kind, size, {"kid": kid, "alg": alg}, is_private=True)
    token = JsonWebToken([alg]).encode({"alg": alg, "kid": kid, "typ": "at+jwt"}, claims, key)
    return {"minter": "Authlib", "alg": alg, "token": token.decode(), "jwk": key.as_dict(is_private=False)}


def mint(question):
    return [by(question["claims"], alg) for by in (by_pyjwt, by_authlib) for alg in question.get("algorithms", ALGORITHMS)]


def controls(question):
    judged, refused = 0, []
    for path in question["cases"]:
        for line in open(path, encoding="utf-8"):
            case = json.loads(line)
            if case["expect"].get("grant", {}).get("identity"):
                judged += 1
                try:
                    judge(case)
                except Exception as error:
                    refused.append({"id": case["id"], "reason": f"{type(error).__name__}: {error}"})
    return {"judged": judged, "refused": refused}


def judge(case):
    """Verifies the signature of a case's token as somebody would who knows nothing but RFC 7515 and 7518."""
    request = case["request"]
    token = TOKEN.search(" ".join([value for _, value in request["headers"]] + [request["url"].partition("?")[2]])).group()
    head, payload, signature = token.split(".")
    header = json.loads(jwt.utils.base64url_decode(head))
    issuer = json.loads(jwt.utils.base64url_decode(payload)).get("iss")
    issuers = case["policy"]["issuers"]
    # The keys of a JWT-SVID are those of its trust domain, whatever `iss` says (JWT-SVID §3, §5).
    entry = next((entry for entry in issuers if entry["issuer"] == issuer), None)
    entry = entry or next(entry for entry in issuers if entry.get("profile") == "jwt-svid")
    keys = case["jwks"].get(entry["issuer"])
    if keys is None:
        keys = entry["jwks"]
    keys = json.loads(keys) if isinstance(keys, str) else keys
    alg = "EdDSA" if header["alg"] == "Ed25519" else header["alg"]
    kind = {"R": "RSA", "P": "RSA"}.get(alg[0], "OKP" if alg == "EdDSA" else "EC")
    fitting = [key for key in keys["keys"] if isinstance(key, dict) and key.get("kty") == kind
               and header.get("kid") in (None, key.get("kid"))]
    key = jwt.PyJWK({name: value for name, value in fitting[0].items() if name != "alg"}, algorithm=alg)
    if not key.Algorithm.verify(f"{head}.{payload}".encode(), key.key, jwt.utils.base64url_decode(signature)):
        raise ValueError("the signature is wrong")


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    json.dump({"mint": mint, "controls": controls}[asked["ask"]](asked), sys.stdout)
