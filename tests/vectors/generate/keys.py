"""The test keys of keys.json, by name."""

import json
from pathlib import Path

from jose import signer

FILE = Path(__file__).parent.parent / "keys.json"


class Key:
    """A key of the corpus: it signs, and it is published as a JWK with a short `kid`."""

    def __init__(self, entry, kid):
        self.kid = kid
        self.private = {name: value for name, value in entry.items() if name != "name"}
        self.signer = signer(self.private)
        self.alg = {"RSA": "RS256", "OKP": "EdDSA"}.get(entry["kty"]) or {
            "P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "secp256k1": "ES256K"}[entry["crv"]]

    def jwk(self, without=(), **changes):
        """The public JWK, with members changed or left out; `kid=None` leaves the identifier out."""
        jwk = {"kid": self.kid} | {name: value for name, value in self.private.items() if name != "d"} | changes
        return {name: value for name, value in jwk.items() if value is not None and name not in without}

    def sign(self, message, alg=None):
        return self.signer.sign(alg or self.alg, message)


def read():
    entries = {entry["name"]: entry for entry in json.loads(FILE.read_text())["keys"]}
    return lambda name, kid: Key(entries[name], kid)


_key = read()

# What most cases sign with: short keys keep the lines short.
E1, E2, E3 = (_key(f"ed25519-{letter}", f"e{number}") for number, letter in enumerate("abc", 1))
P1, P2, P3 = (_key(f"p256-{letter}", f"p{number}") for number, letter in enumerate("abc", 1))
Q1, Q2 = (_key(f"p384-{letter}", f"q{number}") for number, letter in enumerate("ab", 1))
R1, R2 = (_key(f"rsa-2048-{letter}", f"r{number}") for number, letter in enumerate("ab", 1))
R3072, R4096 = _key("rsa-3072", "r3072"), _key("rsa-4096", "r4096")

# Keys that are wrong, or at the edge of being so.
RSA_EXPONENT_3 = _key("rsa-2048-e3", "r-e3")
RSA_LARGEST_EXPONENT = _key("rsa-2048-largest-exponent", "r-e32")
RSA_HUGE_EXPONENT = _key("rsa-2048-huge-exponent", "r-e33")
RSA_1024, RSA_2047, RSA_4104 = (_key(f"rsa-{bits}", f"r{bits}") for bits in (1024, 2047, 4104))
RSA_ROCA = _key("rsa-2048-roca", "roca")
P521 = _key("p521", "p521")
K256 = _key("secp256k1", "k1")
